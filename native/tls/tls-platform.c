/* The simulator's side of mbedTLS's platform layer; see tls-platform.h. */
#include "tls-platform.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include "mbedtls/build_info.h"
#include "mbedtls/platform_util.h"

__attribute__((weak)) void random_fill(void *bytes, size_t length)
{
    unsigned char *to = bytes;
    while (length != 0) {
        size_t part = length < 256 ? length : 256; /* getentropy's own limit */
        if (getentropy(to, part) != 0)
            abort();
        to += part;
        length -= part;
    }
}

__attribute__((weak)) int64_t tls_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#if defined(MBEDTLS_PLATFORM_MS_TIME_ALT)
mbedtls_ms_time_t mbedtls_ms_time(void)
{
    return tls_clock_ms();
}

time_t tls_platform_time(time_t *now)
{
    time_t seconds = (time_t)(tls_clock_ms() / 1000);
    if (now != NULL)
        *now = seconds;
    return seconds;
}
#endif

#if defined(MBEDTLS_ENTROPY_HARDWARE_ALT)
int mbedtls_hardware_poll(void *data, unsigned char *output, size_t length, size_t *got);

int mbedtls_hardware_poll(void *data, unsigned char *output, size_t length, size_t *got)
{
    (void)data;
    random_fill(output, length);
    *got = length;
    return 0;
}
#endif
