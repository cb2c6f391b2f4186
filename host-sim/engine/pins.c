/* See pins.h. */
#include "pins.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "loop.h"

enum { orderCount = 8 };

typedef struct {
  LoopTimer timer; /* first: its address is the order's */
  bool pending;
  int pin;
  PinLevel level;
  double afterMs; /* the boot began */
} Order;

static Order orders[orderCount];
static PinLevel levels[pinCount] = {[0 ... pinCount - 1] = pinFree};
static PinWatch *watches;
static bool running;
static double begunAt;

static void set(int pin, PinLevel level) {
  if (levels[pin] == level) return;
  levels[pin] = level;
  for (PinWatch *watch = watches, *next; watch; watch = next) {
    next = watch->next;
    if (watch->pin == pin) watch->changed(watch);
  }
}

static void fire(LoopTimer *timer) {
  Order *order = (Order *)(void *)timer;
  order->pending = false;
  set(order->pin, order->level);
}

static void schedule(Order *order) { loop_timer_set(&order->timer, begunAt + order->afterMs); }

static bool add(int pin, PinLevel level, double afterMs) {
  for (Order *order = orders; order < orders + orderCount; order++) {
    if (order->pending) continue;
    *order = (Order){.timer = {.fire = fire}, .pending = true, .pin = pin, .level = level, .afterMs = afterMs};
    if (running) schedule(order);
    return true;
  }
  return false;
}

static bool parse_level(const char *name, PinLevel *level) {
  static const char *const names[] = {"free", "low", "high"};
  for (int i = 0; i < 3; i++)
    if (strcmp(name, names[i]) == 0) {
      *level = (PinLevel)(i - 1);
      return true;
    }
  return false;
}

bool pins_command(const char *line) {
  int pin;
  char name[5];
  double afterMs;
  PinLevel level;
  int fields = sscanf(line, "pin %d %4s %lf", &pin, name, &afterMs);
  if (fields < 2 || pin < 0 || pin >= pinCount || !parse_level(name, &level)) return false;
  if (fields == 3) return add(pin, level, afterMs);
  if (running) return add(pin, level, clock_world() - begunAt); /* from the loop, not from inside JavaScript */
  set(pin, level);
  return true;
}

void pins_boot(void) {
  running = true;
  begunAt = clock_world();
  for (Order *order = orders; order < orders + orderCount; order++)
    if (order->pending) schedule(order);
}

void pins_end(void) {
  running = false;
  watches = NULL;
  for (Order *order = orders; order < orders + orderCount; order++) order->pending = false;
}

PinLevel pins_level(int pin) { return levels[pin]; }

void pins_watch(PinWatch *watch) {
  watch->next = watches;
  watches = watch;
}

void pins_unwatch(PinWatch *watch) {
  for (PinWatch **at = &watches; *at; at = &(*at)->next)
    if (*at == watch) {
      *at = watch->next;
      return;
    }
}
