/*
 * The way between the board's TCP sockets and the broker: how long segments take, which are lost, and connections that
 * are refused, fall silent or are reset. By itself it is perfect. No XS types: native modules may include this file.
 *
 * Delays pass on the virtual clock: a socket whose bytes are on their way is told so by a timer, not waited for.
 */
#ifndef DORMOUSE_LINK_H
#define DORMOUSE_LINK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Obeys, and returns false for any other line. What is ordered holds until `link clear`.
 *   link clear
 *   link delay MS           each segment needs so long, in either direction
 *   link loss PERMILLE SEED so many segments are lost, in either direction. What is lost is sent again after 200 ms and
 *                           a round trip (the first of a connection: 1 s, RFC 6298 2.1), then after twice that, and so on
 *   link refuse             nobody listens: a connection is refused
 *   link stall              nobody answers: a connection does not come about
 *   link stall on TEXT      once the device's log has a line with TEXT in it, the broker falls silent: it still gets
 *                           what is sent, and says nothing more. What comes before that is handed on a TLS record or
 *                           MQTT packet at a time, so that the silence falls between the right two
 *   link reset on TEXT      the same, and the connection is reset where its next answer would be, or soon after
 */
bool link_command(const char *line);

/* Do bytes come a TLS record or MQTT packet at a time, so that the device logs each before the next? */
bool link_sips(void);

bool link_refuses(void);
bool link_stalls(void);

/* Does anything take time, or get lost? */
bool link_is_slow(void);

/* A boot begins. */
void link_boot(void);

/* Segments lost in this boot. */
double link_lost(void);

/* What is on its way in one direction, in order. */
enum { linkSegments = 64 };

typedef struct {
  struct {
    size_t size;
    double due; /* world time */
    bool lost;  /* once, at least: it waits for being sent again */
  } segments[linkSegments];
  size_t count;
} LinkQueue;

/* `size` bytes leave at `at`, world time. */
void link_enter(LinkQueue *queue, size_t size, double at);

/* How many bytes have arrived by `now` and were not taken yet: at most `most`, which are taken. */
size_t link_take(LinkQueue *queue, double now, size_t most);

/* How many bytes would arrive without being sent again. */
size_t link_unharmed(const LinkQueue *queue);

/* When the next bytes arrive; infinity when none are on their way, or none ever will. */
double link_next(const LinkQueue *queue);

/* How long a segment needs, and how long to wait for an answer's arrival. */
double link_delay(void);
double link_patience(void);

/* How long a connection needs to come about. May be infinity. */
double link_handshake(void);

/* A socket that wants to know when the broker falls silent. The record is the socket's. */
typedef struct LinkEnd LinkEnd;
struct LinkEnd {
  void (*silenced)(LinkEnd *end, bool reset);
  LinkEnd *next;
};

void link_add(LinkEnd *end);
void link_remove(LinkEnd *end);

/* The device logs `text`. */
void link_traced(const char *text);

#endif
