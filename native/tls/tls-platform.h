/*
 * What mbedTLS needs from the platform it is built for. ESP-IDF supplies its own; here both functions have
 * weak versions for Linux and macOS, which the simulator's engine may replace.
 */
#ifndef DORMOUSE_TLS_PLATFORM_H
#define DORMOUSE_TLS_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `bytes` from the hardware generator. Never fails: a platform that cannot must stop the device. */
void random_fill(void *bytes, size_t length);

/* Milliseconds of a clock that goes on in deep sleep (the age of a session ticket). Not used for certificates. */
int64_t tls_clock_ms(void);

#endif
