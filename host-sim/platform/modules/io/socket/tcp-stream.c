/* See tcp-stream.h. */
#include "tcp-stream.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "meters.h"
#include "supply.h"
#include "world.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE instead */
#endif

/* A connection that is to be reset waits so long, and the link's time, for an answer in whose place to be reset. */
enum { resetAfterMs = 100 };

enum { betweenUnitsMs = 2 };

/* A timer that is due fires when the clock is there; rounding must not make it too early. */
static double now(void) { return clock_world() + 0.01; }

static void silenced(LinkEnd *end, bool reset) {
  Stream *stream = (Stream *)(void *)((uint8_t *)end - offsetof(Stream, end));
  if (stream->ended) return;
  stream->peer = reset ? streamResets : streamSilent;
  stream->resetAt = clock_world() + resetAfterMs + link_patience();
  stream->heldSize = stream->down.count = 0;
  stream->finished = false;
  stream_settle(stream);
}

static void fail(Stream *stream, int error) {
  stream->ended = true;
  capture_failed(stream->capture, error);
}

static void make_socket(Stream *stream, int family, int nodelay) {
  int fd = socket(family, SOCK_STREAM, 0);
  stream->watch.fd = fd;
  if (fd < 0) return;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
  int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof(one));
#endif
  if (nodelay >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof(nodelay));
}

/* 192.0.2.0/24 is for documentation (RFC 5737). On a real network nothing answers, after a time that nobody has. */
static bool is_nobodys(const StreamAddress *address) {
  return address->any.sa_family == AF_INET && ntohl(address->four.sin_addr.s_addr) >> 8 == 0xC00002;
}

void stream_open(Stream *stream, const StreamAddress *address, socklen_t size, int nodelay) {
  stream->slow = link_is_slow() || link_sips();
  stream->end.silenced = silenced;
  stream->watch.fd = -1;
  link_add(&stream->end);
  if (link_stalls() || !world_reaches() || is_nobodys(address)) stream->peer = streamSilent;
  else {
    bool refused = link_refuses();
    if (!refused) make_socket(stream, address->any.sa_family, nodelay);
    int fd = stream->watch.fd;
    if (fd < 0 || (connect(fd, &address->any, size) != 0 && errno != EINPROGRESS)) {
      stream->ended = true;
      stream->watch.always = true;
    } else
      stream->capture = capture_connect(fd, &address->any);
  }
  stream_settle(stream);
  loop_watch_add(&stream->watch);
}

/* Returns true when the connection has come about just now. */
static bool comes_about(Stream *stream, short events) {
  if (!stream->reached) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (!(events & (POLLOUT | POLLERR | POLLHUP))) return false;
    getsockopt(stream->watch.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
      fail(stream, error);
      return false;
    }
    stream->reached = true;
    stream->openAt = stream->slow ? clock_world() + link_handshake() : 0;
  }
  if (stream->openAt > now()) return false;
  stream->connected = true;
  capture_connected(stream->capture);
  return true;
}

static void send_out(Stream *stream) {
  size_t ready = stream->slow ? stream->released : stream->outSize;
  while (ready) {
    size_t may = supply_left(ready);
    if (!may) supply_cut();
    ssize_t count = send(stream->watch.fd, stream->out, may, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) fail(stream, errno);
      break;
    }
    capture_sent(stream->capture, stream->out, (size_t)count);
    supply_spent((size_t)count);
    meters.bytesUp += (double)count;
    ready -= (size_t)count;
    stream->outSize -= (size_t)count;
    memmove(stream->out, stream->out + count, stream->outSize);
    stream->jumped = clock_jumped();
  }
  if (stream->slow) stream->released = ready;
}

static void arrived(Stream *stream, const uint8_t *bytes, size_t size) {
  meters.bytesDown += (double)size;
  capture_received(stream->capture, bytes, size);
}

/* Takes what has come on the real socket. */
static ssize_t receive(Stream *stream, uint8_t *into, size_t room) {
  ssize_t count = recv(stream->watch.fd, into, room, 0);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return -1;
  if (count <= 0) {
    stream->finished = true;
    stream->finishedBy = count == 0 ? 0 : errno;
    return -1;
  }
  return count;
}

static void compact(Stream *stream) {
  if (!stream->inStart) return;
  memmove(stream->in, stream->in + stream->inStart, stream->inSize);
  stream->inStart = 0;
}

static bool receive_at_once(Stream *stream) {
  ssize_t count = receive(stream, stream->in + stream->inSize, streamBytes - stream->inSize);
  if (count > 0) {
    arrived(stream, stream->in + stream->inSize, (size_t)count);
    stream->inSize += (size_t)count;
  } else if (stream->finished && stream->finishedBy)
    fail(stream, stream->finishedBy);
  else
    stream->ended = stream->finished;
  return count > 0;
}

/* What has come on the real socket sets out on the slow link, at the peer's time. */
static void send_down(Stream *stream) {
  double at = clock_world() - (clock_jumped() - stream->jumped);
  ssize_t count = receive(stream, stream->held + stream->heldSize, streamBytes - stream->heldSize);
  if (count > 0) {
    stream->heldSize += (size_t)count;
    link_enter(&stream->down, (size_t)count, at);
  }
  if (stream->finished) stream->finishedAt = at + link_delay();
}

/* How long the TLS record or MQTT packet is that begins here; a header that is not whole counts as one. */
static size_t unit(const uint8_t *bytes, size_t size) {
  size_t length = 0;
  if (size >= 5 && bytes[0] >= 20 && bytes[0] <= 23 && bytes[1] == 3) return 5U + (size_t)(bytes[3] << 8 | bytes[4]);
  for (size_t i = 1; i < size && i < 5; i++) {
    length |= (size_t)(bytes[i] & 0x7F) << (7 * (i - 1));
    if (bytes[i] < 0x80) return 1 + i + length;
  }
  return size;
}

/* How many bytes may be handed on of those that have arrived over the slow link. */
static size_t may_hand_on(Stream *stream) {
  size_t room = streamBytes - stream->inSize;
  if (!link_sips()) return room;
  if (stream->unitAt > now()) return 0;
  if (!stream->unitLeft) stream->unitLeft = unit(stream->held, stream->heldSize);
  return stream->unitLeft < room ? stream->unitLeft : room;
}

/* What has arrived over the slow link. */
static bool take_down(Stream *stream) {
  size_t count = link_take(&stream->down, now(), may_hand_on(stream));
  if (count && link_sips()) {
    stream->unitLeft -= count;
    stream->unitAt = clock_world() + betweenUnitsMs;
  }
  if (count) {
    memcpy(stream->in + stream->inSize, stream->held, count);
    arrived(stream, stream->held, count);
    stream->inSize += count;
    stream->heldSize -= count;
    memmove(stream->held, stream->held + count, stream->heldSize);
  }
  if (stream->finished && !stream->down.count && stream->finishedAt <= now()) {
    if (stream->finishedBy) fail(stream, stream->finishedBy);
    else stream->ended = true;
  }
  return count > 0;
}

/* Ends the connection as a RST does, for both its ends. */
static void reset(Stream *stream) {
  struct linger none = {1, 0};
  setsockopt(stream->watch.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  stream->inSize = stream->inStart = 0;
  fail(stream, ECONNRESET);
}

static bool hears(const Stream *stream) { return stream->connected && !stream->ended && stream->peer == streamTalks; }

void stream_step(Stream *stream, short events, bool *readable, bool *writable) {
  bool incoming = events & (POLLIN | POLLHUP | POLLERR);
  *readable = *writable = false;
  if (!stream->ended && !stream->connected) *writable = comes_about(stream, events);
  else if (!stream->ended && stream->wrote) {
    if (stream->slow) stream->released += link_take(&stream->up, now(), streamBytes);
    if (events & POLLOUT || stream->slow) send_out(stream);
    *writable = !stream->outSize;
    stream->wrote = stream->outSize > 0;
  }
  if (stream->peer == streamResets && !stream->ended && (incoming || stream->resetAt <= now())) reset(stream);
  if (!hears(stream)) return;
  compact(stream);
  if (stream->slow) {
    if (incoming && !stream->finished && stream->heldSize < streamBytes) send_down(stream);
    *readable = take_down(stream);
  } else if (incoming && stream->inSize < streamBytes)
    *readable = receive_at_once(stream);
}

static bool wants_to_hear(const Stream *stream) {
  if (stream->peer == streamSilent) return false;
  if (stream->peer == streamResets) return true;
  if (!stream->slow) return stream->inSize < streamBytes;
  return stream->reached && !stream->finished && stream->heldSize < streamBytes;
}

static bool wants_to_send(const Stream *stream) {
  if (!stream->connected) return !stream->reached;
  return stream->slow ? stream->released > 0 : stream->wrote;
}

static double next_arrival(const Stream *stream) {
  double next = link_next(&stream->up);
  if (stream->reached && !stream->connected && stream->openAt < next) next = stream->openAt;
  if (stream->peer == streamResets) return fmin(next, stream->resetAt);
  if (stream->inSize < streamBytes) next = fmin(next, fmax(link_next(&stream->down), stream->unitAt));
  if (stream->finished && !stream->down.count) next = fmin(next, stream->finishedAt);
  return next;
}

static void due(LoopTimer *timer) {
  Stream *stream = (Stream *)(void *)((uint8_t *)timer - offsetof(Stream, timer));
  stream->watch.ready(&stream->watch, 0);
}

void stream_settle(Stream *stream) {
  LoopWatch *watch = &stream->watch;
  double next = stream->ended ? INFINITY : next_arrival(stream);
  stream->timer.fire = due;
  if (isfinite(next)) loop_timer_set(&stream->timer, next);
  else loop_timer_remove(&stream->timer);
  watch->events = 0;
  watch->held = false;
  if (stream->ended) return;
  watch->events = (short)((wants_to_send(stream) ? POLLOUT : 0) | (wants_to_hear(stream) ? POLLIN : 0));
  bool underway = stream->up.count || stream->down.count || stream->finished || (stream->reached && !stream->connected);
  watch->held = !stream->released && (stream->peer == streamSilent || (stream->slow && underway));
}

void stream_wrote(Stream *stream, size_t size) {
  stream->wrote = true;
  stream->outSize += size;
  if (stream->slow) link_enter(&stream->up, size, clock_world());
  stream_settle(stream);
}

void stream_read(Stream *stream, size_t size) {
  stream->inStart += size;
  stream->inSize -= size;
}

void stream_flush(Stream *stream) {
  if (!stream->connected || stream->ended) return;
  stream->released += link_unharmed(&stream->up); /* under way; what was lost is not sent again */
  send_out(stream);
}

/* Unread bytes would make a close a reset, and cost the broker what it has not read yet. */
static void read_away(const Stream *stream) {
  uint8_t unheard[512];
  while (stream->watch.fd >= 0 && recv(stream->watch.fd, unheard, sizeof(unheard), 0) > 0) {}
}

void stream_shut(Stream *stream) {
  if (stream->peer == streamSilent) read_away(stream);
  loop_watch_remove(&stream->watch);
  loop_timer_remove(&stream->timer);
  link_remove(&stream->end);
  capture_close(stream->capture);
  stream->capture = NULL;
  if (stream->watch.fd >= 0) close(stream->watch.fd);
  stream->watch.fd = -1;
}
