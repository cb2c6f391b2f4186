/*
 * Natives of `embedded:io/serial` over port.h. There is one UART with a cable, so one object at a time has it: others
 * are in use. The object is kept alive until close(); a callback may close it, or never return (sleep).
 */
#include <stdlib.h>
#include <string.h>

#include "port.h"
#include "xsmc.h"

typedef struct {
  xsMachine *the;
  xsSlot self;
  xsSlot *onReadable, *onWritable;
  bool numbers;
} Serial;

enum { ports = 3, maxBaud = 20000000 };

/* Who has the UART. */
static Serial *opened;

void xs_serial_destructor(void *data) {
  if (!data) return;
  if (opened == data) {
    opened = NULL;
    port_close();
  }
  free(data);
}

static void mark(xsMachine *the, void *data, xsMarkRoot markRoot) {
  Serial *serial = data;
  if (!serial) return;
  if (serial->onReadable) (*markRoot)(the, serial->onReadable);
  if (serial->onWritable) (*markRoot)(the, serial->onWritable);
}

static const xsHostHooks hooks = {.destructor = xs_serial_destructor, .marker = mark};

static Serial *this_serial(xsMachine *the) {
  Serial *serial = xsmcGetHostDataValidate(xsThis, (void *)(uintptr_t)&hooks);
  if (!serial) xsUnknownError("closed");
  return serial;
}

static void call(xsSlot *function, size_t bytes) {
  Serial *serial = opened;
  if (!function) return;
  xsBeginHost(serial->the);
  {
    xsmcVars(3);
    xsVar(0) = serial->self;
    xsVar(1) = xsReference(function);
    xsmcSetInteger(xsVar(2), (xsIntegerValue)bytes);
    xsCallFunction1(xsVar(1), xsVar(0), xsVar(2));
  }
  xsEndHost(serial->the);
}

static void readable(size_t bytes) { call(opened->onReadable, bytes); }
static void writable(size_t bytes) { call(opened->onWritable, bytes); }

static const PortUser user = {.readable = readable, .writable = writable};

static bool has(xsMachine *the, char *name) {
  xsmcGet(xsVar(0), xsArg(0), xsID(name));
  return xsmcTypeOf(xsVar(0)) != xsUndefinedType;
}

static xsSlot *callback(xsMachine *the, char *name) {
  if (!has(the, name)) return NULL;
  if (xsmcTypeOf(xsVar(0)) != xsReferenceType || !xsmcIsCallable(xsVar(0))) xsTypeError("callback is no function");
  return fxToReference(the, &xsVar(0)); /* XS 17 forbids the macro beside xsmc.h */
}

static bool is_number_format(xsMachine *the, xsSlot *slot) {
  const char *format = xsmcToString(*slot);
  if (strcmp(format, "number") == 0) return true;
  if (strcmp(format, "buffer") != 0) xsRangeError("unimplemented");
  return false;
}

static void check(xsMachine *the) {
  if (xsmcArgc < 1 || xsmcTypeOf(xsArg(0)) != xsReferenceType) xsTypeError("no options");
  if (!has(the, "receive") && !has(the, "transmit")) xsUnknownError("invalid");
  if (has(the, "port")) {
    xsNumberValue number = xsmcToNumber(xsVar(0));
    if (!(number >= 0 && number < ports)) xsRangeError("invalid port");
  }
  xsmcGet(xsVar(0), xsArg(0), xsID("baud"));
  xsNumberValue baud = xsmcToNumber(xsVar(0));
  if (!(baud >= 1 && baud <= maxBaud)) xsRangeError("invalid baud");
}

void xs_serial_constructor(xsMachine *the) {
  xsmcVars(1);
  check(the);
  bool numbers = has(the, "format") && is_number_format(the, &xsVar(0));
  xsSlot *onReadable = callback(the, "onReadable");
  xsSlot *onWritable = callback(the, "onWritable");
  if (has(the, "target")) xsmcSet(xsThis, xsID("target"), xsVar(0));
  Serial *serial = calloc(1, sizeof(*serial));
  if (!serial) xsRangeError("no memory");
  serial->the = the;
  serial->numbers = numbers;
  serial->onReadable = onReadable;
  serial->onWritable = onWritable;
  if (!port_open(&user)) {
    free(serial);
    xsUnknownError("in use");
  }
  opened = serial;
  xsmcSetHostData(xsThis, serial);
  xsSetHostHooks(xsThis, &hooks);
  serial->self = xsThis;
  xsRemember(serial->self);
}

void xs_serial_close(xsMachine *the) {
  Serial *serial = xsmcGetHostDataValidate(xsThis, (void *)(uintptr_t)&hooks);
  if (!serial) return;
  xsmcSetHostData(xsThis, NULL);
  xsForget(serial->self);
  xs_serial_destructor(serial);
}

void xs_serial_read(xsMachine *the) {
  Serial *serial = this_serial(the);
  size_t available = port_available();
  uint8_t bytes[256];
  void *into = NULL;
  xsUnsignedValue size = (xsUnsignedValue)available;
  if (!available) return;
  if (serial->numbers) size = 1;
  else if (xsmcArgc > 0 && xsmcTypeOf(xsArg(0)) == xsReferenceType) {
    xsmcGetBufferWritable(xsArg(0), &into, &size);
    if (size > available) size = (xsUnsignedValue)available;
  } else if (xsmcArgc > 0 && xsmcTypeOf(xsArg(0)) != xsUndefinedType) {
    xsNumberValue wanted = xsmcToNumber(xsArg(0));
    if (!(wanted >= 1 && wanted <= (xsNumberValue)available)) xsUnknownError("invalid");
    size = (xsUnsignedValue)wanted;
  }
  if (!size) xsUnknownError("invalid");
  port_read(into ? into : bytes, size);
  if (serial->numbers) xsmcSetInteger(xsResult, bytes[0]);
  else if (into) xsmcSetInteger(xsResult, (xsIntegerValue)size);
  else xsmcSetArrayBuffer(xsResult, bytes, (xsIntegerValue)size);
}

void xs_serial_write(xsMachine *the) {
  Serial *serial = this_serial(the);
  uint8_t byte;
  void *data = &byte;
  xsUnsignedValue size = 1;
  if (serial->numbers) byte = (uint8_t)xsmcToInteger(xsArg(0));
  else xsmcGetBufferReadable(xsArg(0), &data, &size);
  if (size > port_room()) xsUnknownError("output full");
  port_write(data, size);
}

void xs_serial_get_format(xsMachine *the) {
  xsmcSetString(xsResult, this_serial(the)->numbers ? "number" : "buffer");
}

void xs_serial_set_format(xsMachine *the) {
  Serial *serial = this_serial(the);
  serial->numbers = is_number_format(the, &xsArg(0));
}
