/* What mbedTLS holds on the C heap, in bytes asked for. Zero where there are no meters (on a board). */
#ifndef DORMOUSE_TLS_HEAP_H
#define DORMOUSE_TLS_HEAP_H

#include <stddef.h>

/* From now on mbedTLS's blocks are zeroed when they are freed, where the platform lets us. May be called again. */
void tls_heap_start(void);

/* How often mbedTLS has asked for memory and got none, where the platform lets us count; compare with an earlier answer. */
size_t tls_heap_refusals(void);

/* Highest sum since the last reset. */
size_t tls_heap_peak(void);
/* Held now. */
size_t tls_heap_used(void);
/* Starts a new peak at what is held now. */
void tls_heap_reset(void);
/* Above `bytes` in all, allocations fail as they do on a full board; 0 lifts the limit. */
void tls_heap_limit(size_t bytes);
/* Of the allocations from now on the `count`-th fails, that one only; 0: none does. */
void tls_heap_fail_at(size_t count);
/* How many allocations were tried since the last reset. */
size_t tls_heap_tries(void);

#endif
