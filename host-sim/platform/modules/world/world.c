/* Natives of world.js: an ask keeps its callback alive until it is answered or cancelled. */
#include "world.h"

#include <stdint.h>
#include <stdlib.h>

#include "port.h"
#include "xs.h"

typedef struct {
  xsMachine *the;
  xsSlot function;
} Callback;

static void answered(void *context, const char *text) {
  Callback *callback = context;
  xsMachine *machine = callback->the;
  xsBeginHost(machine);
  {
    xsVars(2);
    xsVar(0) = xsAccess(callback->function);
    xsForget(callback->function);
    free(callback);
    xsVar(1) = xsString((char *)(uintptr_t)text);
    xsCallFunction1(xsVar(0), xsGlobal, xsVar(1));
  }
  xsEndHost(machine);
}

void xs_world_ask(xsMachine *the) {
  char kind[16];
  xsToStringBuffer(xsArg(0), kind, sizeof(kind));
  const char *detail = xsToString(xsArg(1));
  if (!xsIsCallable(xsArg(2))) xsTypeError("callback is no function");
  Callback *callback = calloc(1, sizeof(*callback));
  if (!callback) xsUnknownError("no memory");
  callback->the = the;
  callback->function = xsArg(2);
  int id = world_ask(kind, detail, answered, callback);
  if (!id) {
    free(callback);
    xsUnknownError("no memory");
  }
  xsRemember(callback->function);
  xsResult = xsInteger(id);
}

void xs_world_cancel(xsMachine *the) {
  Callback *callback = world_cancel(xsToInteger(xsArg(0)));
  if (!callback) return;
  xsForget(callback->function);
  free(callback);
}

void xs_world_mac(xsMachine *the) { xsResult = xsString((char *)(uintptr_t)port_mac()); }

void xs_world_reach(xsMachine *the) { world_reach(xsToBoolean(xsArg(0))); }
