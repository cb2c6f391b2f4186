/*
 * Natives of `embedded:io/digital` over pins.h. A Digital belongs to its JavaScript object, which is kept alive until
 * close(). A change is told from the loop; the callback may close it, or never return (sleep).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "pins.h"
#include "xsmc.h"

enum { pullUp = 1, pullUpDown = 3, output = 8, openDrain = 9, rising = 1, falling = 2 };

typedef struct Digital Digital;
struct Digital {
  PinWatch watch; /* first: its address is the Digital's */
  LoopTimer timer;
  xsMachine *the;
  xsSlot self;
  xsSlot *onReadable;
  int mode, edge;
  bool activeLow;
  int level; /* when it last changed */
  Digital *next;
};

static Digital *opened;

void xs_digital_destructor(void *data) {
  Digital *digital = data;
  if (!digital) return;
  for (Digital **at = &opened; *at; at = &(*at)->next)
    if (*at == digital) {
      *at = digital->next;
      break;
    }
  pins_unwatch(&digital->watch);
  loop_timer_remove(&digital->timer);
  free(digital);
}

static void mark(xsMachine *the, void *data, xsMarkRoot markRoot) {
  Digital *digital = data;
  if (digital && digital->onReadable) (*markRoot)(the, digital->onReadable);
}

static const xsHostHooks hooks = {.destructor = xs_digital_destructor, .marker = mark};

static Digital *this_digital(xsMachine *the) {
  Digital *digital = xsmcGetHostDataValidate(xsThis, (void *)(uintptr_t)&hooks);
  if (!digital) xsUnknownError("closed");
  return digital;
}

/* What nobody drives floats; here to its pull, and low without one. */
static int level_of(const Digital *digital) {
  PinLevel level = pins_level(digital->watch.pin);
  bool high = level == pinFree ? digital->mode == pullUp || digital->mode == pullUpDown : level == pinHigh;
  return high != digital->activeLow;
}

static Digital *digital_of(LoopTimer *timer) {
  return (Digital *)(void *)((uint8_t *)timer - offsetof(Digital, timer));
}

static void tell(LoopTimer *timer) {
  Digital *digital = digital_of(timer);
  xsMachine *machine = digital->the;
  xsBeginHost(machine);
  {
    xsmcVars(2);
    xsVar(0) = digital->self;
    xsVar(1) = xsReference(digital->onReadable);
    xsCallFunction0(xsVar(1), xsVar(0));
  }
  xsEndHost(machine);
}

static void changed(PinWatch *watch) {
  Digital *digital = (Digital *)(void *)watch;
  int level = level_of(digital);
  bool wanted = level != digital->level && digital->edge & (level ? rising : falling);
  digital->level = level;
  if (wanted && digital->onReadable) loop_timer_set(&digital->timer, 0);
}

static bool has(xsMachine *the, char *name) {
  xsmcGet(xsVar(0), xsArg(0), xsID(name));
  return xsmcTypeOf(xsVar(0)) != xsUndefinedType;
}

static int parse_pin(xsMachine *the) {
  if (!has(the, "pin")) xsUnknownError("invalid");
  xsNumberValue pin = xsmcToNumber(xsVar(0));
  if (!(pin >= 0 && pin < pinCount)) xsUnknownError("invalid pin");
  for (Digital *other = opened; other; other = other->next)
    if (other->watch.pin == (int)pin) xsUnknownError("in use");
  return (int)pin;
}

static int parse_mode(xsMachine *the) {
  xsmcGet(xsVar(0), xsArg(0), xsID("mode"));
  int mode = xsmcToInteger(xsVar(0));
  if ((mode < 0 || mode > pullUpDown) && mode != output && mode != openDrain) xsRangeError("invalid mode");
  return mode;
}

static xsSlot *parse_callback(xsMachine *the, int *edge) {
  *edge = has(the, "edge") ? xsmcToInteger(xsVar(0)) & (rising | falling) : 0;
  if (!has(the, "onReadable")) return NULL;
  if (xsmcTypeOf(xsVar(0)) != xsReferenceType || !xsmcIsCallable(xsVar(0))) xsTypeError("callback is no function");
  if (!*edge) xsRangeError("invalid edges");
  return fxToReference(the, &xsVar(0)); /* XS 17 forbids the macro beside xsmc.h */
}

void xs_digital_constructor(xsMachine *the) {
  int edge;
  xsmcVars(1);
  if (xsmcArgc < 1 || xsmcTypeOf(xsArg(0)) != xsReferenceType) xsTypeError("no options");
  int pin = parse_pin(the);
  int mode = parse_mode(the);
  bool activeLow = has(the, "activeLow") && xsmcToBoolean(xsVar(0));
  xsSlot *onReadable = parse_callback(the, &edge);
  if (has(the, "target")) xsmcSet(xsThis, xsID("target"), xsVar(0));
  Digital *digital = calloc(1, sizeof(*digital));
  if (!digital) xsRangeError("no memory");
  digital->watch.pin = pin;
  digital->watch.changed = changed;
  digital->timer.fire = tell;
  digital->the = the;
  digital->mode = mode;
  digital->activeLow = activeLow;
  digital->onReadable = onReadable;
  digital->edge = edge;
  digital->level = level_of(digital);
  digital->next = opened;
  opened = digital;
  pins_watch(&digital->watch);
  xsmcSetHostData(xsThis, digital);
  xsSetHostHooks(xsThis, &hooks);
  digital->self = xsThis;
  xsRemember(digital->self);
}

void xs_digital_close(xsMachine *the) {
  Digital *digital = xsmcGetHostDataValidate(xsThis, (void *)(uintptr_t)&hooks);
  if (!digital) return;
  xsmcSetHostData(xsThis, NULL);
  xsForget(digital->self);
  xs_digital_destructor(digital);
}

void xs_digital_read(xsMachine *the) {
  Digital *digital = this_digital(the);
  if (digital->mode >= output) xsUnknownError("can't read output");
  xsmcSetInteger(xsResult, level_of(digital));
}

void xs_digital_write(xsMachine *the) {
  if (this_digital(the)->mode < output) xsUnknownError("can't write input");
  xsmcToInteger(xsArg(0));
}
