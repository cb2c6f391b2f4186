/*
 * The engine's dealings with native/tls and native/crypto: their clock, their meters, their key log, and the loss of
 * their keys at the end of a boot. An engine built without them (ENGINE_HAS_TLS not defined) has zeros.
 */
#ifndef DORMOUSE_SECURE_H
#define DORMOUSE_SECURE_H

#include <stdbool.h>
#include <stddef.h>

/* Appends the TLS sessions' secrets to `path` (NSS key log), created with mode 0600. Returns 0, or -1 when it cannot. */
int secure_keylog(const char *path);

/* A boot begins. */
void secure_boot(void);

/*
 * Obeys `fault tls-heap BYTES` (what mbedTLS may hold in all) and `fault tls-allocation N` (the N-th allocation from now
 * fails), from then on; 0 and `fault none` lift them. False when `line` is no such command.
 */
bool secure_fault(const char *line);

/* What mbedTLS holds on the heap now, in this host's bytes. */
size_t secure_held(void);

/* How often it asked for more in this boot, and how often since the engine started it got none. */
size_t secure_allocations(void);
size_t secure_refusals(void);

/* Most that mbedTLS held on the heap in this boot, in this host's bytes. */
size_t secure_peak(void);

/* The machine is gone: forgets keys. Returns what mbedTLS still holds, which nothing can free any more. */
size_t secure_end(void);

#endif
