/*
 * mbedTLS 3.6 as the simulator builds it: a board's configuration, so that what works here fits there.
 * A TLS 1.2 and 1.3 client with the suites of RFC 9325 and nothing else: no server, no CBC, no static RSA,
 * no SHA-1, no file system, no sockets. On a board ESP-IDF's own configuration takes this file's place
 * (firmware's sdkconfig sets the same options).
 */
#ifndef DORMOUSE_MBEDTLS_CONFIG_H
#define DORMOUSE_MBEDTLS_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Platform. Memory is counted, as heap is what a board runs out of (tls-heap.c); randomness and clocks are the
 * simulator's (host-sim/engine/tls-platform.c).
 */
void *tls_heap_calloc(size_t count, size_t size);
void tls_heap_free(void *block);
time_t tls_platform_time(time_t *now);

#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO tls_heap_calloc
#define MBEDTLS_PLATFORM_FREE_MACRO tls_heap_free
#define MBEDTLS_PLATFORM_MS_TIME_ALT
#define MBEDTLS_PLATFORM_TIME_MACRO tls_platform_time
#define MBEDTLS_PLATFORM_TIME_TYPE_MACRO time_t
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
/* The sanitizers leave too few registers for the assembler of 32-bit x86. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DORMOUSE_SANITIZED
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(DORMOUSE_SANITIZED)
#define MBEDTLS_HAVE_ASM
#endif

/* This build has meters and a key log; a board's has neither (the code is not even compiled there). */
#define DORMOUSE_TLS_METERS
#define DORMOUSE_TLS_KEYLOG

/* Randomness: the platform's hardware generator and no other source (mbedtls_hardware_poll). */
#define MBEDTLS_ENTROPY_C
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_NO_PLATFORM_ENTROPY
#define MBEDTLS_ENTROPY_HARDWARE_ALT

/* PSA, the only API that mbedTLS 4 (ESP-IDF 6) still has. Keys are volatile: no key storage. */
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_USE_PSA_CRYPTO
#define MBEDTLS_PSA_KEY_SLOT_COUNT 32
/*
 * Nobody else writes to what PSA is given, so it need not copy it first: ESP-IDF says the same. Without copies a
 * hash needs no memory to be finished, whose lack ssl_compute_master (3.6.6) would pass over.
 */
#define MBEDTLS_PSA_ASSUME_EXCLUSIVE_BUFFERS

/* Primitives. */
#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_CCM_C
#define MBEDTLS_GCM_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_CIPHER_C
#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C /* the same code; some CAs sign with it */
#define MBEDTLS_HKDF_C
#define MBEDTLS_HMAC_DRBG_C
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECDSA_DETERMINISTIC
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED /* chains of public CAs end in P-384 roots */
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_MPI_MAX_SIZE 512 /* RSA-4096 */

/* Encodings. */
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BASE64_C
#define MBEDTLS_OID_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PK_WRITE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_CRL_PARSE_C
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT
#define MBEDTLS_X509_REMOVE_INFO

/* TLS. */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_PSK_ENABLED
#define MBEDTLS_KEY_EXCHANGE_PSK_ENABLED /* for boards without P-256, and only when the profile says so */
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE /* mbedTLS 3.6 demands it for TLS 1.3 */
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_ALPN
#define MBEDTLS_SSL_MAX_FRAGMENT_LENGTH
#define MBEDTLS_SSL_RECORD_SIZE_LIMIT
#define MBEDTLS_SSL_SESSION_TICKETS
#define MBEDTLS_SSL_EARLY_DATA
#define MBEDTLS_PSK_MAX_LEN 64
#define MBEDTLS_SSL_IN_CONTENT_LEN 4096
#define MBEDTLS_SSL_OUT_CONTENT_LEN 2048

#endif
