/*
 * The board's power, and what it is cut between. What others can see of a boot is counted: each byte handed to the
 * network, each write of flash, each write of RTC memory is one effect. An order to fail holds for one boot, the next or
 * the running one, and is forgotten at its end.
 */
#ifndef DORMOUSE_SUPPLY_H
#define DORMOUSE_SUPPLY_H

#include <stdbool.h>
#include <stddef.h>

struct sxMachine;

/*
 * Obeys, and returns false for any other line:
 *   fault cut N [tear [BYTES]]  power goes before the boot's N-th effect (from 1), so that N-1 stand. With `tear`, an
 *                               N-th effect that is a write of RTC memory is begun: its first BYTES (half without)
 *                               are written
 *   fault cut on TEXT           power goes when the device's log has a line with TEXT in it
 *   fault brownout N            the supply sags after N bytecodes: a reset that leaves RTC memory alone
 *   fault brownout on TEXT
 *   fault power                 takes the orders back
 */
bool supply_command(const char *line);

/* The boot's machine is ready to run. */
void supply_boot(struct sxMachine *the);

/* The boot has ended. Returns how many effects it had. */
double supply_end(void);

/* How many of `wanted` effects may still happen, none of them counted yet. With 0, call supply_cut(). */
size_t supply_left(size_t wanted);

/* They have happened. */
void supply_spent(size_t effects);

/* Of a write of RTC memory that is cut: how many of its `size` bytes are written. */
size_t supply_torn(size_t size);

/* Ends the boot for want of power. Do not hold memory across it. */
__attribute__((noreturn)) void supply_cut(void);

/* The device logs `text`. May not return. */
void supply_traced(const char *text);

#endif
