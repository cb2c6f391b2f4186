/*
 * Natives of `embedded:io/socket/tcp` over tcp-stream.h.
 * A Tcp belongs to its JavaScript object, which is kept alive until close(). A callback may close it, or may never
 * return (sleep), so nothing but `calling` says that one is running.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "tcp-stream.h"
#include "xsmc.h"

typedef struct {
  Stream stream; /* first: its watch's address is the Tcp's */
  xsMachine *the;
  xsSlot self;
  xsSlot *onReadable, *onWritable, *onError;
  bool told, numbers;
} Tcp;

static void ready(LoopWatch *watch, short events);

/* Whose callbacks run; NULL once they have closed it. */
static const Tcp *calling;

void xs_tcp_destructor(void *data) {
  Tcp *tcp = data;
  if (!tcp) return;
  stream_shut(&tcp->stream);
  free(tcp);
}

static void mark(xsMachine *the, void *data, xsMarkRoot markRoot) {
  Tcp *tcp = data;
  if (!tcp) return;
  if (tcp->onReadable) (*markRoot)(the, tcp->onReadable);
  if (tcp->onWritable) (*markRoot)(the, tcp->onWritable);
  if (tcp->onError) (*markRoot)(the, tcp->onError);
}

static const xsHostHooks hooks = {.destructor = xs_tcp_destructor, .marker = mark};

static Tcp *this_tcp(xsMachine *the) {
  Tcp *tcp = xsmcGetHostDataValidate(xsThis, (void *)(uintptr_t)&hooks);
  if (!tcp) xsUnknownError("closed");
  return tcp;
}

static xsSlot *callback(xsMachine *the, char *name) {
  xsmcGet(xsVar(0), xsArg(0), xsID(name));
  if (xsmcTypeOf(xsVar(0)) == xsUndefinedType) return NULL;
  if (xsmcTypeOf(xsVar(0)) != xsReferenceType || !xsmcIsCallable(xsVar(0))) xsTypeError("callback is no function");
  return fxToReference(the, &xsVar(0)); /* XS 17 forbids the macro beside xsmc.h */
}

static bool is_number_format(xsMachine *the, xsSlot *slot) {
  const char *format = xsmcToString(*slot);
  if (strcmp(format, "number") == 0) return true;
  if (strcmp(format, "buffer") != 0) xsRangeError("unimplemented");
  return false;
}

static socklen_t parse_address(xsMachine *the, StreamAddress *address) {
  char text[INET6_ADDRSTRLEN + 1];
  memset(address, 0, sizeof(*address));
  xsmcGet(xsVar(0), xsArg(0), xsID("address"));
  if (xsmcTypeOf(xsVar(0)) == xsUndefinedType) xsUnknownError("invalid address");
  const char *given = xsmcToString(xsVar(0));
  if (strlen(given) >= sizeof(text)) xsUnknownError("invalid address");
  strcpy(text, given);
  xsmcGet(xsVar(0), xsArg(0), xsID("port"));
  xsNumberValue port = xsmcToNumber(xsVar(0));
  if (!(port >= 0 && port <= 65535)) xsRangeError("invalid port");
  if (inet_pton(AF_INET, text, &address->four.sin_addr) == 1) {
    address->four.sin_family = AF_INET;
    address->four.sin_port = htons((uint16_t)port);
    return sizeof(address->four);
  }
  if (inet_pton(AF_INET6, text, &address->six.sin6_addr) == 1) {
    address->six.sin6_family = AF_INET6;
    address->six.sin6_port = htons((uint16_t)port);
    return sizeof(address->six);
  }
  xsUnknownError("invalid address");
}

void xs_tcp_constructor(xsMachine *the) {
  StreamAddress address;
  int nodelay = -1;
  bool numbers = false;
  xsmcVars(1);
  if (xsmcArgc < 1 || xsmcTypeOf(xsArg(0)) != xsReferenceType) xsTypeError("no options");
  xsmcGet(xsVar(0), xsArg(0), xsID("from"));
  if (xsmcTypeOf(xsVar(0)) != xsUndefinedType) xsUnknownError("from: unimplemented");
  socklen_t size = parse_address(the, &address);
  xsmcGet(xsVar(0), xsArg(0), xsID("format"));
  if (xsmcTypeOf(xsVar(0)) != xsUndefinedType) numbers = is_number_format(the, &xsVar(0));
  xsmcGet(xsVar(0), xsArg(0), xsID("nodelay"));
  if (xsmcTypeOf(xsVar(0)) != xsUndefinedType) nodelay = xsmcToBoolean(xsVar(0)) ? 1 : 0;
  xsSlot *onReadable = callback(the, "onReadable");
  xsSlot *onWritable = callback(the, "onWritable");
  xsSlot *onError = callback(the, "onError");
  xsmcGet(xsVar(0), xsArg(0), xsID("target"));
  if (xsmcTypeOf(xsVar(0)) != xsUndefinedType) xsmcSet(xsThis, xsID("target"), xsVar(0));

  Tcp *tcp = calloc(1, sizeof(*tcp));
  if (!tcp) xsRangeError("no memory");
  tcp->the = the;
  tcp->numbers = numbers;
  tcp->onReadable = onReadable;
  tcp->onWritable = onWritable;
  tcp->onError = onError;
  tcp->stream.watch.ready = ready;
  xsmcSetHostData(xsThis, tcp);
  xsSetHostHooks(xsThis, &hooks);
  tcp->self = xsThis;
  xsRemember(tcp->self);
  stream_open(&tcp->stream, &address, size, nodelay);
}

/* Calls back. Returns false when the socket is gone: the callback has closed it. */
static bool call(Tcp *tcp, xsSlot *function, xsIntegerValue count) {
  if (!function) return true;
  xsMachine *machine = tcp->the;
  xsBeginHost(machine);
  {
    xsmcVars(3);
    xsVar(0) = tcp->self;
    xsVar(1) = xsReference(function);
    xsmcSetInteger(xsVar(2), count);
    if (count < 0) xsCallFunction0(xsVar(1), xsVar(0));
    else xsCallFunction1(xsVar(1), xsVar(0), xsVar(2));
  }
  xsEndHost(machine);
  return calling == tcp;
}

/* The end is told once, when all that came before it has been read. Returns as call(). */
static bool tell_end(Tcp *tcp) {
  if (!tcp->stream.ended || tcp->told || tcp->stream.inSize) return true;
  tcp->told = true;
  tcp->stream.watch.always = false;
  stream_shut(&tcp->stream);
  return call(tcp, tcp->onError, -1);
}

static void ready(LoopWatch *watch, short events) {
  Tcp *tcp = (Tcp *)(void *)watch;
  Stream *stream = &tcp->stream;
  bool writable, readable;
  stream_step(stream, events, &readable, &writable);
  calling = tcp;
  if (readable && !call(tcp, tcp->onReadable, (xsIntegerValue)stream->inSize)) return;
  if (writable && !stream->ended && !call(tcp, tcp->onWritable, (xsIntegerValue)(streamBytes - stream->outSize))) return;
  if (!tell_end(tcp)) return;
  stream_settle(stream);
  if (stream->ended) stream_shut(stream); /* what is left is in memory; read() has the end told after it */
}

void xs_tcp_close(xsMachine *the) {
  Tcp *tcp = xsmcGetHostDataValidate(xsThis, (void *)(uintptr_t)&hooks);
  if (!tcp) return;
  stream_flush(&tcp->stream);
  xsmcSetHostData(xsThis, NULL);
  xsForget(tcp->self);
  if (calling == tcp) calling = NULL;
  xs_tcp_destructor(tcp);
}

void xs_tcp_read(xsMachine *the) {
  Tcp *tcp = this_tcp(the);
  Stream *stream = &tcp->stream;
  xsNumberValue wanted = (xsNumberValue)stream->inSize;
  void *into = NULL;
  xsUnsignedValue size;
  if (!stream->inSize) return;
  if (tcp->numbers) wanted = 1;
  else if (xsmcArgc > 0 && xsmcTypeOf(xsArg(0)) == xsReferenceType) {
    xsmcGetBufferWritable(xsArg(0), &into, &size);
    wanted = size;
  } else if (xsmcArgc > 0 && xsmcTypeOf(xsArg(0)) != xsUndefinedType)
    wanted = xsmcToNumber(xsArg(0));
  if (!(wanted >= 1 && wanted <= (xsNumberValue)stream->inSize)) xsUnknownError("invalid");
  size = (xsUnsignedValue)wanted;
  const uint8_t *from = stream->in + stream->inStart;
  if (into) memcpy(into, from, size);
  if (tcp->numbers) xsmcSetInteger(xsResult, *from);
  else if (into) xsmcSetInteger(xsResult, (xsIntegerValue)size);
  else xsmcSetArrayBuffer(xsResult, (void *)(uintptr_t)from, (xsIntegerValue)size);
  stream_read(stream, size);
  if (stream->ended && !stream->inSize && !tcp->told) {
    stream->watch.always = true;
    loop_watch_remove(&stream->watch);
    loop_watch_add(&stream->watch);
  }
  stream_settle(stream);
}

void xs_tcp_write(xsMachine *the) {
  Tcp *tcp = this_tcp(the);
  Stream *stream = &tcp->stream;
  uint8_t byte;
  void *data = &byte;
  xsUnsignedValue size = 1;
  if (stream->ended) return;
  if (!stream->connected) xsUnknownError("not ready");
  if (tcp->numbers) byte = (uint8_t)xsmcToInteger(xsArg(0));
  else xsmcGetBufferReadable(xsArg(0), &data, &size);
  if (size > streamBytes - stream->outSize) xsUnknownError("would block");
  memcpy(stream->out + stream->outSize, data, size);
  stream_wrote(stream, size);
  xsmcSetInteger(xsResult, (xsIntegerValue)(streamBytes - stream->outSize));
}

static bool peer(const Tcp *tcp, StreamAddress *address) {
  socklen_t size = sizeof(*address);
  return tcp->stream.watch.fd >= 0 && getpeername(tcp->stream.watch.fd, &address->any, &size) == 0;
}

void xs_tcp_get_remote_address(xsMachine *the) {
  StreamAddress address;
  char text[INET6_ADDRSTRLEN];
  if (!peer(this_tcp(the), &address)) return;
  bool four = address.any.sa_family == AF_INET;
  const void *number = four ? (const void *)&address.four.sin_addr : (const void *)&address.six.sin6_addr;
  if (inet_ntop(address.any.sa_family, number, text, sizeof(text))) xsmcSetString(xsResult, text);
}

void xs_tcp_get_remote_port(xsMachine *the) {
  StreamAddress address;
  if (peer(this_tcp(the), &address)) xsmcSetInteger(xsResult, ntohs(address.four.sin_port)); /* same place in both */
}

void xs_tcp_get_format(xsMachine *the) { xsmcSetString(xsResult, this_tcp(the)->numbers ? "number" : "buffer"); }

void xs_tcp_set_format(xsMachine *the) {
  Tcp *tcp = this_tcp(the);
  tcp->numbers = is_number_format(the, &xsArg(0));
}
