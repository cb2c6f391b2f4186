/*
 * Three clocks, all in milliseconds:
 *   world    the simulated world's time (Unix epoch); it passes as real time does and jumps where nothing happens.
 *   ticks    world time since this boot.
 *   device   what the board believes: starts at 0 (1970) when power comes, runs on through deep sleep and resets,
 *            and is moved by Time.set alone.
 * No XS types: native modules may include this file.
 */
#ifndef DORMOUSE_CLOCK_H
#define DORMOUSE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A boot begins at `worldMs`; with `powerOn` the device clock starts again at 0. */
void clock_boot(double worldMs, bool powerOn);

/* World time now. Never runs backwards within a boot. */
double clock_world(void);

/* Moves world time forward to `worldMs` (no effect when that has passed). */
void clock_jump(double worldMs);

/* Whole milliseconds since this boot. */
uint32_t clock_ticks(void);

/* The device's idea of the Unix time, in milliseconds. */
double clock_device(void);

/* Sets the device clock (Time.set, settimeofday). */
void clock_device_set(double deviceMs);

/* Milliseconds since power came: monotonic, through deep sleep too, never moved by clock_device_set. */
int64_t clock_monotonic(void);

#endif
