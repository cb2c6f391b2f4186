/*
 * What mbedTLS needs from the platform that it is built for, on the simulator's host: randomness and two clocks.
 * On an ESP32 ESP-IDF supplies the same functions.
 */
#include "secure.h"

#if ENGINE_HAS_TLS

#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include "clock.h"
#include "mbedtls/build_info.h"
#include "mbedtls/platform_time.h"

/* A machine without randomness must not go on. */
int mbedtls_hardware_poll(void *data, unsigned char *output, size_t length, size_t *got);

int mbedtls_hardware_poll(void *data, unsigned char *output, size_t length, size_t *got) {
  (void)data;
  for (size_t at = 0; at < length;) {
    size_t part = length - at < 256 ? length - at : 256; /* getentropy's own limit */
    if (getentropy(output + at, part) != 0) abort();
    at += part;
  }
  *got = length;
  return 0;
}

/* Goes on in deep sleep: the age of a session ticket. Not used for certificates. */
mbedtls_ms_time_t mbedtls_ms_time(void) { return (mbedtls_ms_time_t)clock_monotonic(); }

time_t tls_platform_time(time_t *now) {
  time_t seconds = (time_t)(clock_monotonic() / 1000);
  if (now != NULL) *now = seconds;
  return seconds;
}

#endif
