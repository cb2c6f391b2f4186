/* What the files of the session share; nobody else includes this. */
#ifndef DORMOUSE_TLS_INTERNAL_H
#define DORMOUSE_TLS_INTERNAL_H

#include "mbedtls/build_info.h"
#include "mbedtls/pk.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509_crl.h"
#include "mbedtls/x509_crt.h"
#include "psa/crypto.h"

#include "tls-session.h"

/* What tls-verify.c found out about the path, from its top down to the leaf. */
typedef struct {
    uint32_t faults; /* all, so far */
    uint32_t held;   /* pins alone: of the path below the anchor, until the leaf is known */
    int64_t own;     /* when the certificate that is looked at ends */
    int64_t until;   /* when the first of the path ends */
    uint8_t pinned; /* a pin matched on the path */
    uint8_t begun;  /* the top was looked at */
    uint8_t done;   /* the leaf was looked at */
    uint8_t timeless; /* the leaf's own key is pinned: it does not age */
    int64_t notBefore, notAfter;
    char peer[64];
    char seen[TLS_MAX_SEEN];
} TlsPath;

/* All that dies with the connection: freed at the first fatal return. */
typedef struct {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt trusted;
    mbedtls_x509_crl revoked;
    mbedtls_x509_crt chain; /* the client's */
    mbedtls_pk_context key;
    const char *protocols[TLS_MAX_PROTOCOLS + 1];
    const uint8_t *input; /* only during feed */
    size_t inputLength;
    int64_t floor, now;
    char *name;
    uint8_t (*pins)[TLS_PIN_BYTES];
    uint8_t pinCount;
    uint8_t matched; /* one bit for each pin, the first lowest: those that this server has shown */
    uint8_t offeredMatched; /* the same, of the session that was offered */
    uint8_t addressLength; /* 4, 16, or 0: a name is expected */
    uint8_t named;
    uint8_t strict; /* without the time, accept only a leaf that is pinned */
    uint8_t identified;
    uint8_t preshared;
    uint8_t setUp;    /* mbedtls_ssl_setup was done */
    uint8_t resuming; /* a session of an earlier connection was offered */
    uint8_t keeping;  /* the session is to be saved */
    uint8_t ticketed; /* TLS 1.3: a ticket came */
    uint8_t earlySent;
    uint8_t idLength; /* TLS 1.2: the session id that was offered */
    uint8_t id[32];
    uint8_t address[16];
    uint32_t endsAt;   /* Unix seconds: when the certificates of the last full handshake end; 0 without any */
    uint32_t fullAt;   /* when the last full handshake was, seconds of mbedtls_ms_time */
    size_t refusals;   /* of memory, before this session */
    uint32_t earlyMax; /* how much 0-RTT data the offered session allows */
    psa_hash_operation_t settings;
    uint8_t fingerprint[32]; /* of all settings, once `keeping` */
    TlsPath path;
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
void tls_config_preshared(TlsLive *live, int forwardSecrecy);
void tls_config_tickets(TlsLive *live);
/* tls-session.c: allocates what a handshake needs, once. */
int tls_setup(TlsLive *live);
/* tls-credentials.c: settings become part of the fingerprint; 0 or an mbedTLS error. */
int tls_settings_add(TlsLive *live, uint8_t tag, const void *bytes, size_t length);
/* Everything that only a handshake needs. */
void tls_credentials_free(TlsLive *live);
/* tls-verify.c: called by mbedTLS for every certificate of the path, the root first. */
int tls_verify_certificate(void *live, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);
/* tls-resume.c: the handshake is over; was it a resumption? */
int tls_resumed(const TlsLive *live);
void tls_resume_started(TlsLive *live);
void tls_resume_opened(TlsLive *live);
/* tls-errors.c: why did mbedTLS return `code`? */
TlsFailure tls_failure_of(const TlsLive *live, int code);
/* tls-keylog.c */
void tls_keylog_attach(mbedtls_ssl_context *ssl);

#endif
