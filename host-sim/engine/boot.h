/*
 * One boot of the board: from the reset to deep sleep or whatever else ends it. Whatever ends it stops JavaScript at
 * once (a jump out of all that runs), so that no more code runs than on a board.
 */
#ifndef DORMOUSE_BOOT_H
#define DORMOUSE_BOOT_H

#include <stdbool.h>

#include "image.h"

struct sxMachine;

/* Boots once: clones the machine, runs main and the event loop, reports the "end" line. */
void boot_run(struct sxMachine *root, const Image *image, const char *cause, double worldMs);

/*
 * Ends the boot from inside JavaScript's call of a native. Do not hold memory across it. A pin that is not negative ends the
 * sleep when it comes to `level`.
 */
__attribute__((noreturn)) void boot_sleep(struct sxMachine *the, double milliseconds, int pin, int level);
__attribute__((noreturn)) void boot_restart(struct sxMachine *the);

/* Ends the running boot from anywhere inside it, for a reason that is not the firmware's. */
__attribute__((noreturn)) void boot_fail(const char *reason, const char *detail);

/* Why this boot happened: "power-on", "deep-sleep" … */
const char *boot_cause(void);

/* True from the moment the boot has been ended. */
bool boot_ended(void);

/* The global trace(). */
void boot_trace(struct sxMachine *the);

/* Reports a "meters" line: what the running boot holds now. With boot_measure that is what is in use. */
void boot_report_meters(void);

/* Runs promise jobs until none is left; a rejection nobody handles then ends the boot. */
void boot_run_jobs(struct sxMachine *the);

/*
 * With true, garbage is collected after every callback. The high-water marks then say what the firmware needs; without,
 * they reach the limits whenever more is allocated in all than fits, as on a board, which collects when it must.
 */
void boot_measure(bool on);

/* What ended the root machine's preloading. */
const char *boot_failure(void);

#endif
