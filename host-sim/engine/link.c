/* See link.h. */
#include "link.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
  textMax = 127,
  segmentBytes = 1440, /* an ESP32's MSS */
  retryMs = 200,
  firstRetryMs = 1000,
  retries = 8,
};

static struct {
  double delayMs, loss;
  uint32_t random;
  bool refuse, stall;
  char stallOn[textMax + 1], resetOn[textMax + 1];
} order;

static LinkEnd *ends;
static double lost;

bool link_command(const char *line) {
  double number;
  unsigned long seed;
  if (strcmp(line, "link clear") == 0) memset(&order, 0, sizeof(order));
  else if (sscanf(line, "link delay %lf", &number) == 1) order.delayMs = number;
  else if (sscanf(line, "link loss %lf %lu", &number, &seed) == 2) {
    order.loss = number / 1000;
    order.random = (uint32_t)seed | 1;
  } else if (strcmp(line, "link refuse") == 0) order.refuse = true;
  else if (strcmp(line, "link stall") == 0) order.stall = true;
  else
    return sscanf(line, "link stall on %127[^\n]", order.stallOn) == 1 ||
           sscanf(line, "link reset on %127[^\n]", order.resetOn) == 1;
  return true;
}

bool link_sips(void) { return order.stallOn[0] || order.resetOn[0]; }
bool link_refuses(void) { return order.refuse; }
bool link_stalls(void) { return order.stall; }
bool link_is_slow(void) { return order.delayMs > 0 || order.loss > 0; }
void link_boot(void) { lost = 0; }
double link_lost(void) { return lost; }

/* Marsaglia's xorshift, 32 bits: from 0 to under 1. */
static double draw(void) {
  order.random ^= order.random << 13;
  order.random ^= order.random >> 17;
  order.random ^= order.random << 5;
  return order.random / 4294967296.0;
}

/* How much later than a lucky segment one arrives: 0 when it is lucky. */
static double waiting(double retry) {
  double wait = 0;
  for (int tries = 0; order.loss > 0 && draw() < order.loss; tries++, retry *= 2) {
    lost++;
    if (tries == retries) return INFINITY;
    wait += retry;
  }
  return wait;
}

double link_delay(void) { return order.delayMs; }
double link_patience(void) { return 4 * order.delayMs; }
double link_handshake(void) { return 2 * order.delayMs + waiting(firstRetryMs); }

void link_enter(LinkQueue *queue, size_t size, double at) {
  while (size) {
    size_t part = size < segmentBytes ? size : segmentBytes;
    double wait = waiting(retryMs + 2 * order.delayMs);
    double due = at + order.delayMs + wait;
    size_t last = queue->count - 1;
    /* It waits behind the one before anyway. */
    if (queue->count == linkSegments || (queue->count && wait == 0 && due <= queue->segments[last].due)) {
      queue->segments[last].size += part;
      if (due > queue->segments[last].due) queue->segments[last].due = due;
    } else {
      queue->segments[queue->count].size = part;
      queue->segments[queue->count].due = due;
      queue->segments[queue->count++].lost = wait > 0;
    }
    size -= part;
  }
}

size_t link_take(LinkQueue *queue, double now, size_t most) {
  size_t taken = 0;
  while (queue->count && queue->segments[0].due <= now && taken < most) {
    size_t part = queue->segments[0].size;
    if (part > most - taken) part = most - taken;
    queue->segments[0].size -= part;
    taken += part;
    if (queue->segments[0].size) break;
    memmove(queue->segments, queue->segments + 1, --queue->count * sizeof(queue->segments[0]));
  }
  return taken;
}

size_t link_unharmed(const LinkQueue *queue) {
  size_t size = 0;
  for (size_t i = 0; i < queue->count && !queue->segments[i].lost; i++) size += queue->segments[i].size;
  return size;
}

double link_next(const LinkQueue *queue) { return queue->count ? queue->segments[0].due : INFINITY; }

void link_add(LinkEnd *end) {
  end->next = ends;
  ends = end;
}

void link_remove(LinkEnd *end) {
  for (LinkEnd **at = &ends; *at; at = &(*at)->next)
    if (*at == end) {
      *at = end->next;
      return;
    }
}

void link_traced(const char *text) {
  bool stall = order.stallOn[0] && strstr(text, order.stallOn);
  bool reset = order.resetOn[0] && strstr(text, order.resetOn);
  for (LinkEnd *end = stall || reset ? ends : NULL; end; end = end->next) end->silenced(end, reset);
}
