/*
 * Questions to the simulated world (joining Wi-Fi, resolving names, network time), answered on standard input.
 * An ask is open until it is answered, cancelled, or the world says that it never will be.
 */
#ifndef DORMOUSE_WORLD_H
#define DORMOUSE_WORLD_H

#include <stdbool.h>

typedef void (*WorldAnswer)(void *context, const char *text);

/* Asks. `answer` is called from the loop with the reply's text, unless the ask is cancelled; `context` is
   then the callback's to free, else world_cancel's caller's. Returns the ask's id, 0 on failure. */
int world_ask(const char *kind, const char *detail, WorldAnswer answer, void *context);

/* Takes the ask back; gives the context it had, NULL when it is no longer open. */
void *world_cancel(int id);

/* Is anything asked that may still be answered? */
bool world_pending(void);

/* Standard input: reads what is there; answers are delivered in order, each after the timers due before it. */
void world_input(void);

/* Obeys what has come already, with the command that began the boot: nothing tells of it any more. */
void world_heard(void);

/* Delivers the next answer that is due; false when there is none. */
bool world_deliver(void);

/* World time at which the next answer received is due, or infinity. */
double world_next(void);

/* Blocks until a command comes; returns its line (valid until the next call), NULL at the end of input. */
char *world_command(void);

/* Whether what the board sends reaches anybody: true from the beginning of each boot. */
void world_reach(bool on);
bool world_reaches(void);

/* Forgets everything asked and frees the contexts (the boot has ended). */
void world_clear(void);

#endif
