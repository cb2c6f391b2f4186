/* The levels that the world puts the board's pins to; what nobody drives, its pull decides. No XS types. */
#ifndef DORMOUSE_PINS_H
#define DORMOUSE_PINS_H

#include <stdbool.h>

enum { pinCount = 49 };

typedef enum { pinFree = -1, pinLow, pinHigh } PinLevel;

/*
 * Obeys, and returns false for any other line. What is ordered happens in the running boot, or in the next one.
 *   pin N low|high|free [MS]   so many milliseconds after the boot began; at once without
 */
bool pins_command(const char *line);

/* A boot begins, in which all that is ordered happens; one ends, and its orders with it. Levels stay. */
void pins_boot(void);
void pins_end(void);

PinLevel pins_level(int pin);

/* Who wants to know of changes. The record is its owner's; `changed` may not return. */
typedef struct PinWatch PinWatch;
struct PinWatch {
  int pin;
  void (*changed)(PinWatch *watch);
  PinWatch *next;
};

void pins_watch(PinWatch *watch);
void pins_unwatch(PinWatch *watch);

#endif
