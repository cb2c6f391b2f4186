/*
 * Three clocks, all in milliseconds:
 *   world    the simulated world's time (Unix epoch); it passes as real time does and jumps where nothing happens.
 *   ticks    world time since this boot.
 *   device   what the board believes: starts at 0 (1970) when power comes, runs on through deep sleep and resets
 *            (on a board that forgets it: starts at 0 at every boot), and is moved by Time.set and setClock alone.
 * While the board is awake all three run alike: its crystal is good. While it sleeps, the device's runs by a poor
 * oscillator, by which the sleep's length is measured too.
 * No XS types: native modules may include this file.
 */
#ifndef DORMOUSE_CLOCK_H
#define DORMOUSE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the board's clock starts again at every boot, as an ESP8266's; until then it does not. */
void clock_forget_in_sleep(bool forgetful);

/* By how much the oscillator of the board is too fast in the sleeps that begin from now on, in ppm: more than -1e6. */
void clock_drift(double ppm);

/* How long a sleep of so many milliseconds, by the board's oscillator, lasts in the world. */
double clock_sleep(double milliseconds);

/* A boot begins at `worldMs`; with `powerOn` the device clock starts again at 0. */
void clock_boot(double worldMs, bool powerOn);

/* The boot has ended: the board sleeps, or resets. */
void clock_end(void);

/* In the sleep before the next boot the device clock starts again at 0 (`lost`), or goes wrong by so much. */
void clock_disturb(bool lost, double milliseconds);

/* World time now. Never runs backwards within a boot. */
double clock_world(void);

/* Moves world time forward to `worldMs` (no effect when that has passed). */
void clock_jump(double worldMs);

/* How far this boot's jumps have gone in all. */
double clock_jumped(void);

/* Whole milliseconds since this boot. */
uint32_t clock_ticks(void);

/* The device's idea of the Unix time, in milliseconds. */
double clock_device(void);

/* Sets the device clock (Time.set, settimeofday). */
void clock_device_set(double deviceMs);

/* Milliseconds since power came: monotonic, through deep sleep too (with its drift), never moved by clock_device_set. */
int64_t clock_monotonic(void);

#endif
