/*
 * A TLS client session without a transport: bytes in, bytes out. It opens no socket, reads no clock and takes
 * no decision of policy; who owns it moves the bytes.
 *
 * Order of calls: new; what is expected, trusted and offered, in any order; resume; start; then
 * feed/drain/read/write until the state is TLS_PEER_CLOSED or TLS_FAILED; free. A failed session has already
 * freed its keys and buffers: only `failure` and what is left to drain (the alert) remain.
 */
#ifndef DORMOUSE_TLS_SESSION_H
#define DORMOUSE_TLS_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "psa/crypto.h"

typedef struct TlsSession TlsSession;

typedef enum {
    TLS_CONFIGURING,
    TLS_HANDSHAKING,
    TLS_OPEN,
    TLS_PEER_CLOSED, /* close_notify came, after everything else was read */
    TLS_FAILED
} TlsState;

/* lib/tls/tls-failure.ts knows these numbers. */
typedef enum {
    TLS_REASON_NONE,
    TLS_REASON_UNTRUSTED, /* no path to a trusted certificate, or a key, usage or signature that is not accepted */
    TLS_REASON_PIN,
    TLS_REASON_NAME,
    TLS_REASON_EXPIRED,
    TLS_REASON_NOT_YET_VALID,
    TLS_REASON_REVOKED,
    TLS_REASON_VERSION,
    TLS_REASON_NO_COMMON_SUITE,
    TLS_REASON_CLIENT_AUTH, /* the server refuses our certificate, or that we sent none */
    TLS_REASON_PSK,         /* the server does not know, or not use, our pre-shared key */
    TLS_REASON_ALPN,
    TLS_REASON_RECORD_OVERFLOW,
    TLS_REASON_MEMORY,
    TLS_REASON_REFUSED, /* another fatal alert of the server; `code` is its number */
    TLS_REASON_PROTOCOL, /* what came breaks the protocol; `code` is mbedTLS's */
    TLS_REASON_NO_TIME
} TlsReason;

enum {
    TLS_MAX_PROTOCOLS = 4,
    TLS_MAX_NAME = 255,
    TLS_MAX_PINS = 8,
    TLS_PIN_BYTES = 32,
    TLS_MIN_PSK = 16,
    TLS_MAX_PSK = 64,
    TLS_MAX_IDENTITY = 128,
    TLS_MAX_EARLY = 1024,
    TLS_MAX_SEEN = 96,
    /* All that may wait for the transport: the largest record, and alerts. */
    TLS_MAX_OUT = 2048 + 64 + 256
};

/* In verifyFlags: the floor alone proves that the dates are wrong. */
#define TLS_FLAG_CERTAIN 0x80000000U
/* In verifyFlags: all else is right, but the time is needed and unknown. */
#define TLS_FLAG_NO_TIME 0x40000000U

typedef struct {
    TlsReason reason;
    int code;
    uint32_t verifyFlags; /* MBEDTLS_X509_BADCERT_…, 0 when the certificate was not the reason */
    char seen[TLS_MAX_SEEN]; /* printable ASCII: the pin, the names or the date that did not fit */
} TlsFailure;

typedef struct {
    int minVersion, maxVersion; /* 0x0303 (1.2) or 0x0304 (1.3) */
    int64_t floor;              /* Unix seconds: it is certainly this time, or later */
    int64_t now;                /* Unix seconds at which certificates must be valid; 0: unknown; -1: unknown, and
                                   only a server whose own key is pinned is accepted without it */
    uint32_t maxFragment;       /* max_fragment_length to ask for (RFC 6066 §4): 512, 1024, 2048 or 4096, in
                                   TLS 1.2 only, and as far as both record buffers hold it */
} TlsOptions;

typedef struct {
    int version, cipherSuite; /* as on the wire (IANA numbers) */
    const char *protocol;     /* ALPN, or NULL; valid as long as the session */
    const char *peer;         /* subject of the peer's verified certificate, cut to fit; "" without one */
    int64_t notBefore, notAfter;
    int resumed;       /* by a session of an earlier connection */
    int earlyAccepted; /* the server took the 0-RTT data */
    int matchedPins;   /* one bit for each pin, in the order of tls_session_pin, the first lowest: those that are on the
                          verified path of the last full handshake */
} TlsSecured;

/* NULL when memory is short. */
TlsSession *tls_session_new(const TlsOptions *options);
void tls_session_free(TlsSession *session);

/*
 * Before start. Each returns NULL, or in one line what is wrong with what it was given; TLS_NO_MEMORY (compare
 * the pointer) when memory is short. The bytes are copied.
 */
extern const char TLS_NO_MEMORY[];

/* A host name for SNI and to find among the certificate's dNSNames. Not NUL-terminated. */
const char *tls_session_expect_name(TlsSession *session, const char *name, size_t length);
/* An address (4 or 16 bytes) to find among the certificate's iPAddresses; no SNI (RFC 6066 §3). */
const char *tls_session_expect_address(TlsSession *session, const uint8_t *address, size_t length);
/* CA certificates: one in DER, or any number in PEM. All must parse. */
const char *tls_session_trust(TlsSession *session, const uint8_t *bytes, size_t length);
/* A CRL of a CA that is trusted, DER or PEM. It takes certificates away; its own age refuses none. */
const char *tls_session_revoke(TlsSession *session, const uint8_t *bytes, size_t length);
/* SHA-256 of a SubjectPublicKeyInfo. See tls-verify.c for what a pin means. */
const char *tls_session_pin(TlsSession *session, const uint8_t *digest, size_t length);
/* The client's certificate chain and private key: P-256, or RSA from 2048 to 4096 bits; not encrypted. */
const char *tls_session_identify(TlsSession *session, const uint8_t *chain, size_t chainLength, const uint8_t *key,
                                 size_t keyLength);
/* A pre-shared key in place of certificates. */
const char *tls_session_preshare(TlsSession *session, const uint8_t *identity, size_t identityLength,
                                 const uint8_t *key, size_t keyLength, int forwardSecrecy);
/* One more ALPN protocol, the most wanted first. */
const char *tls_session_offer(TlsSession *session, const char *name, size_t length);

/*
 * The last call before start, and needed for `save`: from here on tickets are asked for. Offers the session in
 * `saved`, which may be empty. Returns 1 when it is offered; 0 when it does not open with a key derived from
 * `secret`, belongs to other settings, or had its last full handshake more than `maxAge` seconds ago.
 */
int tls_session_resume(TlsSession *session, const uint8_t *saved, size_t length, psa_key_id_t secret, uint32_t maxAge);

/*
 * Makes the ClientHello, and with it sends `early` as 0-RTT data if the offered session allows as much; `sent`
 * says whether. Returns 0 or an mbedTLS error; BAD_INPUT_DATA, and nothing has happened, without trust or name.
 */
int tls_session_start(TlsSession *session, const uint8_t *early, size_t length, int *sent);

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

/* Whether `save` has something: TLS 1.2 once open, TLS 1.3 once a ticket came. */
int tls_session_resumable(const TlsSession *session);
/*
 * The session, sealed for `resume`: at most `most` bytes in a new block, which the caller frees with
 * tls_saved_free. NULL when there is nothing to save, it is too large, or memory is short.
 */
uint8_t *tls_session_save(TlsSession *session, psa_key_id_t secret, size_t most, size_t *length);
void tls_saved_free(uint8_t *saved);

/* English for an mbedTLS error code; never NULL. */
const char *tls_error_text(int code);
int tls_error_is_memory(int code);

/* The CRL number (RFC 5280 §5.2.3) of one CRL in DER with nothing behind it, -1 when it has none. Returns 0 for no such CRL. */
int tls_crl_number(const uint8_t *list, size_t length, double *number);
/*
 * Whether such a list is a CA's in `ca` (DER), or that of `issuer` (DER; NULL for none), a CA that one of those has signed:
 * its name, its signature by SHA-256 or better, and its right to sign lists.
 */
int tls_crl_is_of(const uint8_t *list, size_t length, const uint8_t *ca, size_t caLength, const uint8_t *issuer,
                  size_t issuerLength);

/* Where NSS key log lines go (simulator only); NULL stops it. */
void tls_set_keylog(void (*line)(const char *text));

#endif
