/* What the files of the session share; nobody else includes this. */
#ifndef DORMOUSE_TLS_INTERNAL_H
#define DORMOUSE_TLS_INTERNAL_H

#include "mbedtls/build_info.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509_crt.h"

#include "tls-session.h"

/* All that dies with the connection: freed at the first fatal return. */
typedef struct {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt trusted;
    const char *protocols[TLS_MAX_PROTOCOLS + 1];
    const uint8_t *input; /* only during feed */
    size_t inputLength;
    uint8_t address[16];
    uint8_t addressLength; /* 4, 16, or 0: a name is expected */
    uint8_t named;
    int64_t validAt;
    int64_t notBefore, notAfter; /* of the peer's certificate, once verified */
    char peer[64];
} TlsLive;

struct TlsSession {
    TlsState state;
    TlsFailure failure;
    TlsLive *live;
    uint8_t *out; /* ciphertext that waits for the transport */
    size_t outStart, outEnd;
    size_t wanted;
    uint8_t closing;
};

/* tls-config.c: suites, groups and versions. */
int tls_config_apply(TlsLive *live, const TlsOptions *options);
/* tls-verify.c: called by mbedTLS for every certificate of the path, the root first. */
int tls_verify_certificate(void *live, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);
/* tls-errors.c: why did mbedTLS return `code`? */
TlsFailure tls_failure_of(const mbedtls_ssl_context *ssl, int code);
/* tls-keylog.c */
void tls_keylog_attach(mbedtls_ssl_context *ssl);

#endif
