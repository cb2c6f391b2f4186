/*
 * The engine's dealings with native/tls and native/crypto: their clock, their meters, their key log, and the loss of
 * their keys at the end of a boot. An engine built without them (ENGINE_HAS_TLS not defined) has zeros.
 */
#ifndef DORMOUSE_SECURE_H
#define DORMOUSE_SECURE_H

#include <stddef.h>

/* Appends the TLS sessions' secrets to `path` (NSS key log), created with mode 0600. Returns 0, or -1 when it cannot. */
int secure_keylog(const char *path);

/* A boot begins. */
void secure_boot(void);

/* Most that mbedTLS held on the heap in this boot, in this host's bytes. */
size_t secure_peak(void);

/* The machine is gone: forgets keys. Returns what mbedTLS still holds, which nothing can free any more. */
size_t secure_end(void);

#endif
