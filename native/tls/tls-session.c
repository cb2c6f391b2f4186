/*
 * The session's life: bytes between the owner and mbedTLS, and the end of both keys and buffers at the first
 * fatal return. See tls-session.h for the contract.
 *
 * Input is not copied: during feed mbedTLS reads straight from the caller's bytes. Output waits in one block
 * that is as large as what waits, at most TLS_MAX_OUT.
 */
#include "tls-internal.h"

#include <string.h>

#include "mbedtls/platform.h"

enum {
    RECORD_OVERHEAD = 64, /* a record's header, nonce and tag beside its content, in either version */
    ALERT_ROOM = 256      /* never used for data, so that an alert finds room */
};

static int send_bytes(void *data, const unsigned char *bytes, size_t length)
{
    TlsSession *session = data;
    size_t waiting = session->outEnd - session->outStart;
    size_t room = TLS_MAX_OUT - waiting;
    if (length > room) {
        /* Data never comes here without room. A peer that makes us send alerts faster than they leave is
           hostile; and mbedTLS would take a half-sent alert for the data of the next write. */
        if (session->state != TLS_HANDSHAKING)
            return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
        length = room;
    }
    if (length == 0)
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    uint8_t *out = mbedtls_calloc(1, waiting + length);
    if (out == NULL)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    if (waiting != 0)
        memcpy(out, session->out + session->outStart, waiting);
    memcpy(out + waiting, bytes, length);
    mbedtls_free(session->out);
    session->out = out;
    session->outStart = 0;
    session->outEnd = waiting + length;
    return (int)length;
}

static int receive_bytes(void *data, unsigned char *bytes, size_t length)
{
    TlsSession *session = data;
    TlsLive *live = session->live;
    if (live->inputLength == 0) {
        session->wanted = length;
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    if (length > live->inputLength)
        length = live->inputLength;
    memcpy(bytes, live->input, length);
    live->input += length;
    live->inputLength -= length;
    return (int)length;
}

static void free_live(TlsSession *session)
{
    TlsLive *live = session->live;
    if (live == NULL)
        return;
    session->live = NULL;
    session->wanted = 0;
    mbedtls_ssl_free(&live->ssl);
    mbedtls_ssl_config_free(&live->config);
    mbedtls_x509_crt_free(&live->trusted);
    for (size_t i = 0; i < TLS_MAX_PROTOCOLS; i++)
        mbedtls_free((void *)live->protocols[i]);
    mbedtls_free(live);
}

static void fail(TlsSession *session, int code)
{
    session->failure = tls_failure_of(&session->live->ssl, code);
    session->state = TLS_FAILED;
    free_live(session);
}

/* Once the peer is verified nothing is validated any more: a chain of CAs need not stay in memory. */
static void drop_trust(TlsLive *live)
{
    mbedtls_ssl_conf_ca_chain(&live->config, NULL, NULL);
    mbedtls_x509_crt_free(&live->trusted);
}

/* Goes on as far as the input reaches. */
static void run(TlsSession *session)
{
    for (;;) {
        int code;
        if (session->state == TLS_HANDSHAKING) {
            code = mbedtls_ssl_handshake(&session->live->ssl);
            if (code == 0) {
                session->state = TLS_OPEN;
                drop_trust(session->live);
                continue;
            }
        } else if (session->state == TLS_OPEN) {
            /* A read of nothing decrypts the next record and leaves it to be read. */
            code = mbedtls_ssl_read(&session->live->ssl, NULL, 0);
            if (code >= 0 && mbedtls_ssl_get_bytes_avail(&session->live->ssl) != 0) {
                session->wanted = 0;
                return;
            }
            if (code >= 0)
                code = MBEDTLS_ERR_SSL_CONN_EOF;
        } else
            return;

        switch (code) {
        case MBEDTLS_ERR_SSL_WANT_READ:
            /* mbedTLS also says so after a warning it ignored, with input left. */
            if (session->live->inputLength == 0 && session->wanted != 0)
                return;
            continue;
        case MBEDTLS_ERR_SSL_WANT_WRITE:
            return;
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
        case MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET:
            continue;
#endif
        case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
            if (session->state == TLS_OPEN) {
                session->state = TLS_PEER_CLOSED;
                session->wanted = 0;
                return;
            }
            fail(session, code); /* before the handshake is over nobody may leave politely */
            return;
        default:
            fail(session, code);
            return;
        }
    }
}

TlsSession *tls_session_new(const TlsOptions *options)
{
    TlsSession *session = mbedtls_calloc(1, sizeof *session);
    TlsLive *live = mbedtls_calloc(1, sizeof *live);
    if (session == NULL || live == NULL) {
        mbedtls_free(session);
        mbedtls_free(live);
        return NULL;
    }
    session->live = live;
    live->validAt = options->validAt;
    mbedtls_ssl_init(&live->ssl);
    mbedtls_ssl_config_init(&live->config);
    mbedtls_x509_crt_init(&live->trusted);
    int code = tls_config_apply(live, options);
    if (code != 0)
        fail(session, code);
    return session;
}

void tls_session_free(TlsSession *session)
{
    if (session == NULL)
        return;
    free_live(session);
    mbedtls_free(session->out);
    mbedtls_free(session);
}

int tls_session_expect_name(TlsSession *session, const char *name, size_t length)
{
    char text[TLS_MAX_NAME + 1];
    if (session->state != TLS_CONFIGURING || session->live->named || length == 0 || length > TLS_MAX_NAME
        || memchr(name, 0, length) != NULL)
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    memcpy(text, name, length);
    text[length] = 0;
    /* SNI and check in one; mbedTLS keeps a copy. */
    int code = mbedtls_ssl_set_hostname(&session->live->ssl, text);
    session->live->named = code == 0;
    return code;
}

int tls_session_expect_address(TlsSession *session, const uint8_t *address, size_t length)
{
    TlsLive *live = session->live;
    if (session->state != TLS_CONFIGURING || live->named || (length != 4 && length != 16))
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    /* NULL tells mbedTLS that the application looks after the name; tls-verify.c does. */
    int code = mbedtls_ssl_set_hostname(&live->ssl, NULL);
    if (code != 0)
        return code;
    memcpy(live->address, address, length);
    live->addressLength = (uint8_t)length;
    live->named = 1;
    return 0;
}

int tls_session_trust(TlsSession *session, const uint8_t *bytes, size_t length)
{
    static const char begin[] = "-----BEGIN";
    if (session->state != TLS_CONFIGURING || length == 0)
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    mbedtls_x509_crt *trusted = &session->live->trusted;
    int pem = length >= sizeof begin - 1 && memcmp(bytes, begin, sizeof begin - 1) == 0;
    if (!pem)
        return mbedtls_x509_crt_parse_der(trusted, bytes, length);
    /* mbedTLS knows PEM by a NUL at the end. */
    unsigned char *text = mbedtls_calloc(1, length + 1);
    if (text == NULL)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    memcpy(text, bytes, length);
    int code = mbedtls_x509_crt_parse(trusted, text, length + 1);
    mbedtls_free(text);
    /* A positive result counts certificates that did not parse: a trust store is whole or refused. */
    return code > 0 ? MBEDTLS_ERR_X509_INVALID_FORMAT : code;
}

int tls_session_offer(TlsSession *session, const char *name, size_t length)
{
    if (session->state != TLS_CONFIGURING || length == 0 || length > 255 || memchr(name, 0, length) != NULL)
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    const char **slot = session->live->protocols;
    while (*slot != NULL)
        slot++;
    if (slot == session->live->protocols + TLS_MAX_PROTOCOLS)
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    char *copy = mbedtls_calloc(1, length + 1);
    if (copy == NULL)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    memcpy(copy, name, length);
    *slot = copy;
    return 0;
}

int tls_session_start(TlsSession *session)
{
    TlsLive *live = session->live;
    if (session->state != TLS_CONFIGURING || !live->named || live->trusted.raw.p == NULL)
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    int code = 0;
#if defined(MBEDTLS_SSL_ALPN)
    if (live->protocols[0] != NULL)
        code = mbedtls_ssl_conf_alpn_protocols(&live->config, live->protocols);
#endif
    if (code == 0)
        code = mbedtls_ssl_setup(&live->ssl, &live->config);
    if (code != 0) {
        fail(session, code);
        return code;
    }
    tls_keylog_attach(&live->ssl);
    mbedtls_ssl_set_bio(&live->ssl, session, send_bytes, receive_bytes, NULL);
    session->state = TLS_HANDSHAKING;
    run(session);
    return 0;
}

TlsState tls_session_state(const TlsSession *session)
{
    return session->state;
}

const TlsFailure *tls_session_failure(const TlsSession *session)
{
    return &session->failure;
}

TlsSecured tls_session_secured(const TlsSession *session)
{
    TlsSecured secured = { 0 };
    if (session->state != TLS_OPEN && session->state != TLS_PEER_CLOSED)
        return secured;
    const TlsLive *live = session->live;
    secured.version = (int)mbedtls_ssl_get_version_number(&live->ssl);
    secured.cipherSuite = mbedtls_ssl_get_ciphersuite_id_from_ssl(&live->ssl);
#if defined(MBEDTLS_SSL_ALPN)
    secured.protocol = mbedtls_ssl_get_alpn_protocol(&live->ssl);
#endif
    secured.peer = live->peer;
    secured.notBefore = live->notBefore;
    secured.notAfter = live->notAfter;
    return secured;
}

size_t tls_session_feed(TlsSession *session, const uint8_t *bytes, size_t length)
{
    TlsLive *live = session->live;
    if (length == 0 || session->wanted == 0 || (session->state != TLS_HANDSHAKING && session->state != TLS_OPEN))
        return 0;
    live->input = bytes;
    live->inputLength = length;
    session->wanted = 0;
    run(session);
    if (session->live == NULL)
        return length; /* failed: what is left means nothing */
    size_t taken = length - live->inputLength;
    live->input = NULL;
    live->inputLength = 0;
    return taken;
}

size_t tls_session_wanted(const TlsSession *session)
{
    return session->wanted;
}

size_t tls_session_pending(const TlsSession *session)
{
    return session->outEnd - session->outStart;
}

size_t tls_session_drain(TlsSession *session, uint8_t *bytes, size_t length)
{
    size_t waiting = tls_session_pending(session);
    if (length > waiting)
        length = waiting;
    if (length == 0)
        return 0;
    memcpy(bytes, session->out + session->outStart, length);
    session->outStart += length;
    if (session->outStart == session->outEnd) {
        mbedtls_free(session->out);
        session->out = NULL;
        session->outStart = session->outEnd = 0;
    }
    if (session->state == TLS_HANDSHAKING && session->wanted == 0)
        run(session); /* it waited for room */
    return length;
}

size_t tls_session_readable(const TlsSession *session)
{
    return session->state == TLS_OPEN ? mbedtls_ssl_get_bytes_avail(&session->live->ssl) : 0;
}

size_t tls_session_read(TlsSession *session, uint8_t *bytes, size_t length)
{
    size_t readable = tls_session_readable(session);
    if (length > readable)
        length = readable;
    if (length == 0)
        return 0;
    int got = mbedtls_ssl_read(&session->live->ssl, bytes, length);
    if (got < 0) {
        fail(session, got);
        return 0;
    }
    if (tls_session_readable(session) == 0)
        run(session); /* finds out what it wants next */
    return (size_t)got;
}

size_t tls_session_writable(const TlsSession *session)
{
    if (session->state != TLS_OPEN || session->closing)
        return 0;
    size_t used = tls_session_pending(session) + RECORD_OVERHEAD + ALERT_ROOM;
    size_t room = used < TLS_MAX_OUT ? TLS_MAX_OUT - used : 0;
    int record = mbedtls_ssl_get_max_out_record_payload(&session->live->ssl);
    if (record <= 0)
        return 0;
    return room < (size_t)record ? room : (size_t)record;
}

size_t tls_session_write(TlsSession *session, const uint8_t *bytes, size_t length)
{
    size_t writable = tls_session_writable(session);
    if (length > writable)
        length = writable;
    if (length == 0)
        return 0;
    int taken = mbedtls_ssl_write(&session->live->ssl, bytes, length);
    if (taken < 0) {
        fail(session, taken);
        return 0;
    }
    return (size_t)taken;
}

void tls_session_shutdown(TlsSession *session)
{
    if ((session->state != TLS_OPEN && session->state != TLS_PEER_CLOSED) || session->closing)
        return;
    session->closing = 1;
    (void)mbedtls_ssl_close_notify(&session->live->ssl); /* best effort: the queue may be full */
}
