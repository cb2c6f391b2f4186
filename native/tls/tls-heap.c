/*
 * mbedTLS's allocator in the simulator: counts what is held, and can run out as a board does.
 * Each block carries its size in front; blocks are zeroed when freed, as some hold keys.
 */
#include "tls-heap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mbedtls/build_info.h"

#if defined(DORMOUSE_TLS_METERS)

/* Keeps the alignment that malloc gives. */
typedef union {
    size_t size;
    max_align_t align;
} Header;

static size_t current, peak, limit, tries, failAt;

void *tls_heap_calloc(size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX - sizeof(Header)) / size)
        return NULL;
    size_t bytes = count * size;
    tries++;
    if (failAt != 0 && --failAt == 0)
        return NULL;
    if (limit != 0 && bytes > limit - (current < limit ? current : limit))
        return NULL;
    Header *header = calloc(1, sizeof(Header) + bytes);
    if (header == NULL)
        return NULL;
    header->size = bytes;
    current += bytes;
    if (current > peak)
        peak = current;
    return header + 1;
}

void tls_heap_free(void *block)
{
    if (block == NULL)
        return;
    Header *header = (Header *)block - 1;
    current -= header->size;
    /* volatile: the compiler would leave out a memset before free. */
    volatile unsigned char *byte = block;
    for (size_t left = header->size; left != 0; left--)
        *byte++ = 0;
    free(header);
}

size_t tls_heap_peak(void) { return peak; }
size_t tls_heap_used(void) { return current; }
void tls_heap_limit(size_t bytes) { limit = bytes; }
void tls_heap_fail_at(size_t count) { failAt = count; }
size_t tls_heap_tries(void) { return tries; }

void tls_heap_reset(void)
{
    peak = current;
    tries = 0;
}

#else

size_t tls_heap_peak(void) { return 0; }
size_t tls_heap_used(void) { return 0; }
void tls_heap_reset(void) { }
void tls_heap_limit(size_t bytes) { (void)bytes; }
void tls_heap_fail_at(size_t count) { (void)count; }
size_t tls_heap_tries(void) { return 0; }

#endif
