/*
 * Natives of `embedded:io/socket/tcp` over a real, non-blocking socket. Buffers are an ESP32's (sdkconfig: 5,744 bytes
 * each way), so firmware meets the same partial writes.
 * A Tcp belongs to its JavaScript object, which is kept alive until close(). A callback may close it, or may never
 * return (sleep), so nothing but `calling` says that one is running.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture.h"
#include "loop.h"
#include "meters.h"
#include "supply.h"
#include "world.h"
#include "xsmc.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE instead */
#endif

enum { bufferBytes = 5744 };

typedef struct {
  LoopWatch watch;
  CaptureConnection *capture;
  xsMachine *the;
  xsSlot self;
  xsSlot *onReadable, *onWritable, *onError;
  bool connected, ended, told, numbers, wrote;
  size_t outSize, inStart, inSize;
  uint8_t out[bufferBytes], in[bufferBytes];
} Tcp;

static void ready(LoopWatch *watch, short events);

static void shut(Tcp *tcp) {
  loop_watch_remove(&tcp->watch);
  capture_close(tcp->capture);
  tcp->capture = NULL;
  if (tcp->watch.fd >= 0) close(tcp->watch.fd);
  tcp->watch.fd = -1;
}

/* Whose callbacks run; NULL once they have closed it. */
static const Tcp *calling;

void xs_tcp_destructor(void *data) {
  Tcp *tcp = data;
  if (!tcp) return;
  shut(tcp);
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

/* What to wait for now. */
static void watch_events(Tcp *tcp) {
  if (tcp->ended) {
    tcp->watch.events = 0;
    return;
  }
  tcp->watch.events = (short)((!tcp->connected || tcp->wrote ? POLLOUT : 0) | (tcp->inSize < bufferBytes ? POLLIN : 0));
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

typedef union {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
} Address;

static socklen_t parse_address(xsMachine *the, Address *address) {
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

/* Begins to connect. What goes wrong at once is told like what goes wrong later, by onError. */
static void start(Tcp *tcp, const Address *address, socklen_t size, int nodelay) {
  tcp->watch.fd = -1;
  if (!world_reaches()) return; /* no answer, ever: nothing to wait for */
  int fd = socket(address->any.sa_family, SOCK_STREAM, 0);
  tcp->watch.fd = fd;
  if (fd >= 0) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof(one));
#endif
    if (nodelay >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof(nodelay));
  }
  if (fd < 0 || (connect(fd, &address->any, size) != 0 && errno != EINPROGRESS)) {
    tcp->ended = true;
    tcp->watch.always = true;
  } else
    tcp->capture = capture_connect(fd, &address->any);
  watch_events(tcp);
  loop_watch_add(&tcp->watch);
}

void xs_tcp_constructor(xsMachine *the) {
  Address address;
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
  tcp->watch.ready = ready;
  xsmcSetHostData(xsThis, tcp);
  xsSetHostHooks(xsThis, &hooks);
  tcp->self = xsThis;
  xsRemember(tcp->self);
  start(tcp, &address, size, nodelay);
}

static void fail(Tcp *tcp, int error) {
  tcp->ended = true;
  capture_failed(tcp->capture, error);
}

/* Hands what was written to the network. */
static void send_out(Tcp *tcp) {
  while (tcp->outSize) {
    size_t may = supply_left(tcp->outSize);
    if (!may) supply_cut();
    ssize_t count = send(tcp->watch.fd, tcp->out, may, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) fail(tcp, errno);
      return;
    }
    capture_sent(tcp->capture, tcp->out, (size_t)count);
    supply_spent((size_t)count);
    meters.bytesUp += (double)count;
    tcp->outSize -= (size_t)count;
    memmove(tcp->out, tcp->out + count, tcp->outSize);
  }
}

/* Takes what has come. Returns whether anything has. */
static bool receive_in(Tcp *tcp) {
  if (tcp->inStart) {
    memmove(tcp->in, tcp->in + tcp->inStart, tcp->inSize);
    tcp->inStart = 0;
  }
  ssize_t count = recv(tcp->watch.fd, tcp->in + tcp->inSize, bufferBytes - tcp->inSize, 0);
  if (count > 0) {
    meters.bytesDown += (double)count;
    capture_received(tcp->capture, tcp->in + tcp->inSize, (size_t)count);
    tcp->inSize += (size_t)count;
    return true;
  }
  if (count == 0) tcp->ended = true;
  else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
    fail(tcp, errno);
  return false;
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
  if (!tcp->ended || tcp->told || tcp->inSize) return true;
  tcp->told = true;
  tcp->watch.always = false;
  shut(tcp);
  return call(tcp, tcp->onError, -1);
}

static void ready(LoopWatch *watch, short events) {
  Tcp *tcp = (Tcp *)(void *)watch;
  bool writable = false, readable = false;
  if (!tcp->ended && !tcp->connected) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (events & (POLLOUT | POLLERR | POLLHUP)) {
      getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error) fail(tcp, error);
      else {
        writable = tcp->connected = true;
        capture_connected(tcp->capture);
      }
    }
  } else if (!tcp->ended && (events & POLLOUT) && tcp->wrote) {
    send_out(tcp);
    writable = !tcp->outSize;
    tcp->wrote = tcp->outSize > 0;
  }
  if (!tcp->ended && tcp->connected && (events & (POLLIN | POLLHUP | POLLERR)) && tcp->inSize < bufferBytes)
    readable = receive_in(tcp);
  calling = tcp;
  if (readable && !call(tcp, tcp->onReadable, (xsIntegerValue)tcp->inSize)) return;
  if (writable && !tcp->ended && !call(tcp, tcp->onWritable, (xsIntegerValue)(bufferBytes - tcp->outSize))) return;
  if (!tell_end(tcp)) return;
  watch_events(tcp);
  if (tcp->ended) shut(tcp); /* what is left is in memory; read() has the end told after it */
}

void xs_tcp_close(xsMachine *the) {
  Tcp *tcp = xsmcGetHostDataValidate(xsThis, (void *)(uintptr_t)&hooks);
  if (!tcp) return;
  if (tcp->connected && !tcp->ended) send_out(tcp);
  xsmcSetHostData(xsThis, NULL);
  xsForget(tcp->self);
  if (calling == tcp) calling = NULL;
  xs_tcp_destructor(tcp);
}

void xs_tcp_read(xsMachine *the) {
  Tcp *tcp = this_tcp(the);
  xsNumberValue wanted = (xsNumberValue)tcp->inSize;
  void *into = NULL;
  xsUnsignedValue size;
  if (!tcp->inSize) return;
  if (tcp->numbers) wanted = 1;
  else if (xsmcArgc > 0 && xsmcTypeOf(xsArg(0)) == xsReferenceType) {
    xsmcGetBufferWritable(xsArg(0), &into, &size);
    wanted = size;
  } else if (xsmcArgc > 0 && xsmcTypeOf(xsArg(0)) != xsUndefinedType)
    wanted = xsmcToNumber(xsArg(0));
  if (!(wanted >= 1 && wanted <= (xsNumberValue)tcp->inSize)) xsUnknownError("invalid");
  size = (xsUnsignedValue)wanted;
  const uint8_t *from = tcp->in + tcp->inStart;
  if (into) memcpy(into, from, size);
  if (tcp->numbers) xsmcSetInteger(xsResult, *from);
  else if (into) xsmcSetInteger(xsResult, (xsIntegerValue)size);
  else xsmcSetArrayBuffer(xsResult, (void *)(uintptr_t)from, (xsIntegerValue)size);
  tcp->inStart += size;
  tcp->inSize -= size;
  if (tcp->ended && !tcp->inSize && !tcp->told) {
    tcp->watch.always = true;
    loop_watch_remove(&tcp->watch);
    loop_watch_add(&tcp->watch);
  }
  watch_events(tcp);
}

void xs_tcp_write(xsMachine *the) {
  Tcp *tcp = this_tcp(the);
  uint8_t byte;
  void *data = &byte;
  xsUnsignedValue size = 1;
  if (tcp->ended) return;
  if (!tcp->connected) xsUnknownError("not ready");
  if (tcp->numbers) byte = (uint8_t)xsmcToInteger(xsArg(0));
  else xsmcGetBufferReadable(xsArg(0), &data, &size);
  if (size > bufferBytes - tcp->outSize) xsUnknownError("would block");
  memcpy(tcp->out + tcp->outSize, data, size);
  tcp->outSize += size;
  tcp->wrote = true;
  watch_events(tcp);
  xsmcSetInteger(xsResult, (xsIntegerValue)(bufferBytes - tcp->outSize));
}

static bool peer(const Tcp *tcp, Address *address) {
  socklen_t size = sizeof(*address);
  return tcp->watch.fd >= 0 && getpeername(tcp->watch.fd, &address->any, &size) == 0;
}

void xs_tcp_get_remote_address(xsMachine *the) {
  Address address;
  char text[INET6_ADDRSTRLEN];
  if (!peer(this_tcp(the), &address)) return;
  bool four = address.any.sa_family == AF_INET;
  const void *number = four ? (const void *)&address.four.sin_addr : (const void *)&address.six.sin6_addr;
  if (inet_ntop(address.any.sa_family, number, text, sizeof(text))) xsmcSetString(xsResult, text);
}

void xs_tcp_get_remote_port(xsMachine *the) {
  Address address;
  if (peer(this_tcp(the), &address)) xsmcSetInteger(xsResult, ntohs(address.four.sin_port)); /* same place in both */
}

void xs_tcp_get_format(xsMachine *the) { xsmcSetString(xsResult, this_tcp(the)->numbers ? "number" : "buffer"); }

void xs_tcp_set_format(xsMachine *the) {
  Tcp *tcp = this_tcp(the);
  tcp->numbers = is_number_format(the, &xsArg(0));
}
