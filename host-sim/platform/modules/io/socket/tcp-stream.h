/*
 * A TCP connection as a board has it, over a real, non-blocking socket and the link of engine/link.h. Buffers are an
 * ESP32's (sdkconfig: 5,744 bytes each way), so firmware meets the same partial writes. No XS types.
 */
#ifndef DORMOUSE_TCP_STREAM_H
#define DORMOUSE_TCP_STREAM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "capture.h"
#include "link.h"
#include "loop.h"

enum { streamBytes = 5744 };

typedef union {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
} StreamAddress;

typedef enum { streamTalks, streamSilent, streamResets } StreamPeer;

typedef struct Stream Stream;
struct Stream {
  LoopWatch watch;
  LoopTimer timer;
  LinkEnd end;
  CaptureConnection *capture;
  bool connected;
  bool ended; /* by the peer, or an error; what has come is still in `in` */
  bool wrote; /* since `out` was last found empty */
  size_t outSize, inStart, inSize;
  uint8_t out[streamBytes], in[streamBytes];

  StreamPeer peer;
  double resetAt;

  /* On a slow link only. */
  bool slow;
  bool reached;          /* the real socket is connected; the board does not know before openAt */
  double openAt;
  LinkQueue up, down;    /* of the last bytes of `out`, and of `held` */
  size_t released;       /* so many bytes of `out` have arrived, and go to the real socket */
  size_t heldSize;
  size_t unitLeft;       /* of the TLS record or MQTT packet that is being handed on, when they come one at a time */
  double unitAt;         /* not before then: the device has its timers' time for what it makes of the one before */
  uint8_t held[streamBytes];
  bool finished;         /* the real socket has ended, with error finishedBy or 0 */
  int finishedBy;
  double finishedAt;
  double jumped;         /* clock_jumped() when the peer last got something: its own time goes on from there */
};

/* Begins to connect; `nodelay` < 0 is the system's choice. `ready` and `due` are called when stream_step may have news. */
void stream_open(Stream *stream, const StreamAddress *address, socklen_t size, int nodelay);

/* Moves what can be moved. Sets what the owner is told of: new bytes in `in`; `out` empty again, or connected. */
void stream_step(Stream *stream, short events, bool *readable, bool *writable);

/* After stream_step and the owner's callbacks, and after each read and write: what to wait for now. */
void stream_settle(Stream *stream);

/* The last `size` bytes of `out` were written just now. */
void stream_wrote(Stream *stream, size_t size);

/* `size` bytes were read from `in` + inStart. */
void stream_read(Stream *stream, size_t size);

/* Hands over what was written: the owner closes. */
void stream_flush(Stream *stream);

/* Lets go of the socket and of everything that would call back. */
void stream_shut(Stream *stream);

#endif
