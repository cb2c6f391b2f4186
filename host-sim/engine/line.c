/* See line.h. */
#include "line.h"

#include <stdio.h>
#include <string.h>

static struct {
  double noise, loss, repeat; /* from 0 to 1 */
  bool single;
  bool counts[2]; /* ways that the cut counts */
  bool cutting;
  double left; /* bytes until it */
} order;

/* Each way its own: what befalls the one does not depend on when the other speaks. */
static uint32_t states[2] = {1, 3};

/* Marsaglia's xorshift, 32 bits. */
static uint32_t draw(LineWay way) {
  uint32_t state = states[way];
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return states[way] = state;
}

static bool happens(LineWay way, double share) { return share > 0 && draw(way) / 4294967296.0 < share; }

static void seed_both(uint32_t seed) {
  states[lineIn] = seed * 2 + 1;
  states[lineOut] = (seed ^ 0x9E3779B9U) * 2 + 1;
}

static bool cut_command(const char *line) {
  char way[4];
  double left;
  if (sscanf(line, "line cut %3s %lf", way, &left) != 2 || left < 0) return false;
  bool any = strcmp(way, "any") == 0;
  order.counts[lineIn] = any || strcmp(way, "in") == 0;
  order.counts[lineOut] = any || strcmp(way, "out") == 0;
  order.cutting = order.counts[lineIn] || order.counts[lineOut];
  order.left = left;
  return order.cutting;
}

bool line_command(const char *line) {
  unsigned long seed;
  double permille;
  if (strcmp(line, "line clear") == 0) memset(&order, 0, sizeof(order));
  else if (sscanf(line, "line seed %lu", &seed) == 1) seed_both((uint32_t)seed);
  else if (sscanf(line, "line noise %lf", &permille) == 1) order.noise = permille / 1000;
  else if (sscanf(line, "line loss %lf", &permille) == 1) order.loss = permille / 1000;
  else if (sscanf(line, "line repeat %lf", &permille) == 1) order.repeat = permille / 1000;
  else if (strcmp(line, "line single") == 0) order.single = true;
  else return cut_command(line);
  return true;
}

static size_t disturb(LineWay way, uint8_t byte, uint8_t out[2]) {
  if (happens(way, order.loss)) return 0;
  out[0] = out[1] = byte;
  if (!happens(way, order.noise)) return happens(way, order.repeat) ? 2 : 1;
  uint32_t drawn = draw(way);
  out[0] = (uint8_t)(drawn >> 8);
  return drawn & 1 ? 2 : 1;
}

size_t line_pass(LineWay way, uint8_t byte, uint8_t out[2]) {
  size_t count = disturb(way, byte, out);
  if (!order.cutting || !order.counts[way]) return count;
  if ((double)count > order.left) count = (size_t)order.left;
  order.left -= (double)count;
  return count;
}

bool line_is_single(void) { return order.single; }

bool line_is_cut(void) {
  if (!order.cutting || order.left > 0) return false;
  order.cutting = false;
  return true;
}
