/*
 * A TLS client session without a transport: bytes in, bytes out. It opens no socket, reads no clock and takes
 * no decision of policy; who owns it moves the bytes.
 *
 * Order of calls: new, then what is expected and trusted, start, then feed/drain/read/write until the state
 * is TLS_PEER_CLOSED or TLS_FAILED, then free. A failed session has already freed its keys and buffers: only
 * `failure` and what is left to drain (the alert) remain. Nothing here is resumed after a failure.
 *
 * Pins, CRL, client identity, PSK and resumption join between new and start (TlsOptions or a tls_session_ call).
 */
#ifndef DORMOUSE_TLS_SESSION_H
#define DORMOUSE_TLS_SESSION_H

#include <stddef.h>
#include <stdint.h>

typedef struct TlsSession TlsSession;

typedef enum {
    TLS_CONFIGURING,
    TLS_HANDSHAKING,
    TLS_OPEN,
    TLS_PEER_CLOSED, /* close_notify came, after everything else was read */
    TLS_FAILED
} TlsState;

typedef enum {
    TLS_REASON_NONE,
    TLS_REASON_UNTRUSTED, /* no path to a trusted certificate, revoked, or a key or signature too weak */
    TLS_REASON_NAME,
    TLS_REASON_DATES,
    TLS_REASON_ALERT, /* the peer sent a fatal alert; `code` is its number */
    TLS_REASON_LOCAL, /* the session refused what came; `code` is mbedTLS's */
    TLS_REASON_MEMORY
} TlsReason;

typedef struct {
    TlsReason reason;
    int code;
    uint32_t verifyFlags; /* MBEDTLS_X509_BADCERT_…, 0 when the certificate was not the reason */
} TlsFailure;

typedef struct {
    int minVersion, maxVersion; /* 0x0303 (1.2) or 0x0304 (1.3) */
    int64_t validAt;            /* Unix seconds at which certificates must be valid */
    uint32_t maxFragment;       /* max_fragment_length to ask for (RFC 6066 §4): 512, 1024, 2048 or 4096, in
                                   TLS 1.2 only, and as far as both record buffers hold it */
} TlsOptions;

typedef struct {
    int version, cipherSuite; /* as on the wire (IANA numbers) */
    const char *protocol;     /* ALPN, or NULL; valid as long as the session */
    const char *peer;         /* subject of the peer's verified certificate, cut to fit; "" for PSK */
    int64_t notBefore, notAfter;
} TlsSecured;

enum {
    TLS_MAX_PROTOCOLS = 4,
    TLS_MAX_NAME = 255,
    /* All that may wait for the transport: the largest record, and alerts. */
    TLS_MAX_OUT = 2048 + 64 + 256
};

/* NULL when memory is short. */
TlsSession *tls_session_new(const TlsOptions *options);
void tls_session_free(TlsSession *session);

/* The following return 0, or an mbedTLS error; tls_session_start refuses a session that lacks trust or a name. */

/* A host name for SNI and to find among the certificate's dNSNames. Not NUL-terminated. */
int tls_session_expect_name(TlsSession *session, const char *name, size_t length);
/* An address (4 or 16 bytes) to find among the certificate's iPAddresses; no SNI (RFC 6066 §3). */
int tls_session_expect_address(TlsSession *session, const uint8_t *address, size_t length);
/* CA certificates: one in DER, or any number in PEM. All must parse. The bytes are copied. */
int tls_session_trust(TlsSession *session, const uint8_t *bytes, size_t length);
/* One more ALPN protocol, the most wanted first. */
int tls_session_offer(TlsSession *session, const char *name, size_t length);
int tls_session_start(TlsSession *session);

TlsState tls_session_state(const TlsSession *session);
const TlsFailure *tls_session_failure(const TlsSession *session);
/* Only in TLS_OPEN and TLS_PEER_CLOSED; otherwise version is 0. */
TlsSecured tls_session_secured(const TlsSession *session);

/* Takes ciphertext; returns how many bytes it took. It takes none while plaintext waits to be read. */
size_t tls_session_feed(TlsSession *session, const uint8_t *bytes, size_t length);
/* How many bytes of ciphertext the session can use now without leaving any: feed no more than these. */
size_t tls_session_wanted(const TlsSession *session);

/* Ciphertext to send. `drain` moves at most `length` bytes. */
size_t tls_session_pending(const TlsSession *session);
size_t tls_session_drain(TlsSession *session, uint8_t *bytes, size_t length);

/* Plaintext that came. `read` moves at most `length` bytes. */
size_t tls_session_readable(const TlsSession *session);
size_t tls_session_read(TlsSession *session, uint8_t *bytes, size_t length);

/* Plaintext to send: `write` makes one record and returns how many bytes it took, never more than writable. */
size_t tls_session_writable(const TlsSession *session);
size_t tls_session_write(TlsSession *session, const uint8_t *bytes, size_t length);

/* Queues close_notify (RFC 8446 §6.1). Nothing can be written afterwards. */
void tls_session_shutdown(TlsSession *session);

/* English for an mbedTLS error code; never NULL. */
const char *tls_error_text(int code);
int tls_error_is_memory(int code);

/* Where NSS key log lines go (simulator only); NULL stops it. */
void tls_set_keylog(void (*line)(const char *text));

#endif
