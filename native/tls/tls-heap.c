/*
 * mbedTLS's allocator. Wherever it can be replaced, blocks are zeroed when they are freed: mbedTLS 3.6 zeroes its
 * keys itself, but not the copy of an RSA key that each signature makes (mbedtls_pk_psa_rsa_sign_ext).
 * In the simulator it also counts what is held, and can run out as a board does; each block carries its size in front.
 */
#include "tls-heap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mbedtls/build_info.h"
#include "mbedtls/platform_util.h"

#if defined(DORMOUSE_TLS_METERS)

/* Keeps the alignment that malloc gives. */
typedef union {
    size_t size;
    max_align_t align;
} Header;

static size_t current, peak, limit, tries, failAt, refusals;

static void *allocate(size_t count, size_t size)
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

void *tls_heap_calloc(size_t count, size_t size)
{
    void *block = allocate(count, size);
    if (block == NULL)
        refusals++;
    return block;
}

void tls_heap_free(void *block)
{
    if (block == NULL)
        return;
    Header *header = (Header *)block - 1;
    current -= header->size;
    mbedtls_platform_zeroize(block, header->size);
    free(header);
}

size_t tls_heap_peak(void) { return peak; }
size_t tls_heap_used(void) { return current; }
void tls_heap_start(void) { }
size_t tls_heap_refusals(void) { return refusals; }
void tls_heap_limit(size_t bytes) { limit = bytes; }
void tls_heap_fail_at(size_t count) { failAt = count; }
size_t tls_heap_tries(void) { return tries; }

void tls_heap_reset(void)
{
    peak = current;
    tries = 0;
}

#else

#if defined(ESP_PLATFORM) && defined(MBEDTLS_PLATFORM_MEMORY)

#include "esp_heap_caps.h"
#include "mbedtls/platform.h"

static size_t refusals;

/* As ESP-IDF does by default; keys stay out of external RAM. */
static void *calloc_internal(size_t count, size_t size)
{
    void *block = heap_caps_calloc(count, size, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    if (block == NULL)
        refusals++;
    return block;
}

static void wipe_and_free(void *block)
{
    if (block == NULL)
        return;
    mbedtls_platform_zeroize(block, heap_caps_get_allocated_size(block));
    heap_caps_free(block);
}

/* Blocks from before are heap_caps blocks too. */
void tls_heap_start(void)
{
    (void)mbedtls_platform_set_calloc_free(calloc_internal, wipe_and_free);
}

size_t tls_heap_refusals(void) { return refusals; }

#else

void tls_heap_start(void) { }
size_t tls_heap_refusals(void) { return 0; }

#endif

size_t tls_heap_peak(void) { return 0; }
size_t tls_heap_used(void) { return 0; }
void tls_heap_reset(void) { }
void tls_heap_limit(size_t bytes) { (void)bytes; }
void tls_heap_fail_at(size_t count) { (void)count; }
size_t tls_heap_tries(void) { return 0; }

#endif
