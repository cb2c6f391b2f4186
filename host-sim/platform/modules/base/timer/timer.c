/* Natives of `timer`. A timer that may still call is kept alive; one that has called for the last time is inert. */
#include <math.h>
#include <stdlib.h>

#include "clock.h"
#include "loop.h"
#include "xs.h"

typedef struct {
  LoopTimer loop;
  xsMachine *the;
  xsSlot self;
  xsSlot *callback;
  double repeat;
} Timer;

static void timer_destroy(void *data) {
  if (!data) return;
  loop_timer_remove(&((Timer *)data)->loop);
  free(data);
}

static void timer_mark(xsMachine *the, void *data, xsMarkRoot markRoot) {
  if (data) (*markRoot)(the, ((Timer *)data)->callback);
}

static const xsHostHooks hooks = {.destructor = timer_destroy, .marker = timer_mark};

/* Lets go of the object: nothing will be called any more. */
static void release(xsMachine *the, Timer *timer) {
  xsSetHostData(timer->self, NULL);
  xsForget(timer->self);
  timer_destroy(timer);
}

static void fire(LoopTimer *loop) {
  Timer *timer = (Timer *)(void *)loop;
  if (timer->repeat > 0) loop_timer_set(loop, loop->due + timer->repeat);
  xsBeginHost(timer->the);
  {
    xsVars(2);
    xsVar(0) = xsAccess(timer->self);
    xsVar(1) = xsReference(timer->callback);
    if (!(timer->repeat > 0)) release(the, timer);
    xsCallFunction1(xsVar(1), xsGlobal, xsVar(0));
  }
  xsEndHost(timer->the);
}

static double milliseconds(xsMachine *the, int argument) {
  double value = xsToNumber(xsArg(argument));
  return isfinite(value) ? floor(value) : 0;
}

static void create(xsMachine *the, double interval, double repeat) {
  if (!xsIsCallable(xsArg(0))) xsTypeError("callback is no function");
  Timer *timer = calloc(1, sizeof(*timer));
  if (!timer) xsUnknownError("no memory");
  timer->loop.fire = fire;
  timer->the = the;
  timer->repeat = repeat;
  timer->callback = xsToReference(xsArg(0));
  xsResult = xsNewHostObject(NULL);
  xsSetHostData(xsResult, timer);
  xsSetHostHooks(xsResult, &hooks);
  timer->self = xsResult;
  xsRemember(timer->self);
  loop_timer_set(&timer->loop, clock_world() + fmax(0, interval));
}

static Timer *timer_of(xsMachine *the, int argument) {
  if (xsTypeOf(xsArg(argument)) != xsReferenceType || xsGetHostHooks(xsArg(argument)) != &hooks) return NULL;
  return xsGetHostData(xsArg(argument));
}

void xs_timer_set(xsMachine *the) { create(the, milliseconds(the, 1), milliseconds(the, 2)); }

void xs_timer_repeat(xsMachine *the) {
  double interval = milliseconds(the, 1);
  create(the, interval, interval);
}

void xs_timer_schedule(xsMachine *the) {
  Timer *timer = timer_of(the, 0);
  double interval = milliseconds(the, 1);
  if (!timer) xsTypeError("no timer");
  timer->repeat = milliseconds(the, 2);
  if (interval < 0) loop_timer_remove(&timer->loop);
  else loop_timer_set(&timer->loop, clock_world() + interval);
}

void xs_timer_clear(xsMachine *the) {
  Timer *timer = timer_of(the, 0);
  if (timer) release(the, timer);
}

void xs_timer_delay(xsMachine *the) { loop_delay(milliseconds(the, 0)); }
