/*
 * The session's life: bytes between the owner and mbedTLS, and the end of both keys and buffers at the first
 * fatal return. See tls-session.h for the contract.
 *
 * Input is not copied: during feed mbedTLS reads straight from the caller's bytes. Output waits in one block
 * that is as large as what waits, at most TLS_MAX_OUT.
 */
#include "tls-heap.h"
#include "tls-internal.h"

#include <string.h>

#include "mbedtls/platform.h"
#include "mbedtls/platform_util.h"

enum {
    RECORD_OVERHEAD = 64, /* a record's header, nonce and tag beside its content, in either version */
    ALERT_ROOM = 256      /* never used for data, so that an alert finds room */
};

static int send_bytes(void *data, const unsigned char *bytes, size_t length)
{
    TlsSession *session = data;
    size_t waiting = session->outEnd - session->outStart;
    /* The first flight is a ClientHello, which may fill a record, and what goes with it as early data. */
    size_t most = TLS_MAX_OUT + (session->state == TLS_HANDSHAKING ? TLS_MAX_EARLY + RECORD_OVERHEAD : 0);
    size_t room = waiting < most ? most - waiting : 0;
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
    tls_credentials_free(live);
    mbedtls_ssl_free(&live->ssl);
    mbedtls_ssl_config_free(&live->config);
    psa_hash_abort(&live->settings);
    for (size_t i = 0; i < TLS_MAX_PROTOCOLS; i++)
        mbedtls_free((void *)live->protocols[i]);
    mbedtls_free(live->name);
    mbedtls_platform_zeroize(live, sizeof *live);
    mbedtls_free(live);
}

static void fail(TlsSession *session, int code)
{
    session->failure = tls_failure_of(session->live, code);
    session->state = TLS_FAILED;
    free_live(session);
}

/* Goes on as far as the input reaches. */
static void run(TlsSession *session)
{
    for (;;) {
        int code;
        if (session->state == TLS_HANDSHAKING) {
            code = mbedtls_ssl_handshake(&session->live->ssl);
            /* It does not look at every return: a PRF without memory leaves TLS 1.2's Finished compared with anything. */
            if (code == 0 && tls_heap_refusals() != session->live->refusals)
                code = MBEDTLS_ERR_SSL_ALLOC_FAILED;
            if (code == 0) {
                session->state = TLS_OPEN;
                tls_credentials_free(session->live); /* a chain of CAs need not stay in memory, nor a key */
                tls_resume_opened(session->live);
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
            session->live->ticketed = !session->live->preshared; /* mbedTLS 4 tells of tickets nobody asked for */
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
    live->floor = options->floor;
    live->now = options->now > 0 ? options->now : 0;
    live->strict = options->now < 0;
    live->refusals = tls_heap_refusals();
    mbedtls_ssl_init(&live->ssl);
    mbedtls_ssl_config_init(&live->config);
    mbedtls_x509_crt_init(&live->trusted);
    mbedtls_x509_crl_init(&live->revoked);
    mbedtls_x509_crt_init(&live->chain);
    mbedtls_pk_init(&live->key);
    live->settings = psa_hash_operation_init();
    int code = tls_config_apply(live, options);
    if (code == 0) {
        uint8_t versions[] = { (uint8_t)options->minVersion, (uint8_t)options->maxVersion };
        if (psa_hash_setup(&live->settings, PSA_ALG_SHA_256) != PSA_SUCCESS)
            code = MBEDTLS_ERR_SSL_ALLOC_FAILED;
        else
            code = tls_settings_add(live, 0, versions, sizeof versions);
    }
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

int tls_setup(TlsLive *live)
{
    int code = live->setUp ? 0 : mbedtls_ssl_setup(&live->ssl, &live->config);
    live->setUp = code == 0;
    return code;
}

/* A server is trusted by certificate, by its key, or by a shared one; never by mixtures that weaken each other. */
static int is_complete(const TlsLive *live)
{
    int byCertificate = live->trusted.raw.p != NULL || live->pinCount != 0;
    if (live->preshared)
        return live->named && !byCertificate && live->revoked.version == 0;
    return live->named && byCertificate && (live->revoked.version == 0 || live->trusted.raw.p != NULL);
}

/* All of `early`, or nothing, goes out as 0-RTT data. */
static int send_early(TlsSession *session, const uint8_t *early, size_t length)
{
#if defined(MBEDTLS_SSL_EARLY_DATA)
    TlsLive *live = session->live;
    if (length == 0 || length > TLS_MAX_EARLY || !live->resuming || length > live->earlyMax)
        return 0;
    mbedtls_ssl_conf_early_data(&live->config, MBEDTLS_SSL_EARLY_DATA_ENABLED);
    int code = mbedtls_ssl_write_early_data(&live->ssl, early, length);
    live->earlySent = code > 0;
    /* Whatever else it says, the handshake says it again. */
    return live->earlySent;
#else
    (void)session, (void)early, (void)length;
    return 0;
#endif
}

int tls_session_start(TlsSession *session, const uint8_t *early, size_t length, int *sent)
{
    TlsLive *live = session->live;
    *sent = 0;
    if (session->state != TLS_CONFIGURING || !is_complete(live))
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    int code = 0;
#if defined(MBEDTLS_SSL_ALPN)
    if (live->protocols[0] != NULL)
        code = mbedtls_ssl_conf_alpn_protocols(&live->config, live->protocols);
#endif
    /* Pins without CAs are judged in tls-verify.c; mbedTLS wants a list, which may be empty. */
    if (!live->preshared)
        mbedtls_ssl_conf_ca_chain(&live->config, &live->trusted, live->revoked.version != 0 ? &live->revoked : NULL);
    if (code == 0)
        code = tls_setup(live);
    if (code != 0) {
        fail(session, code);
        return code;
    }
    tls_keylog_attach(&live->ssl);
    mbedtls_ssl_set_bio(&live->ssl, session, send_bytes, receive_bytes, NULL);
    session->state = TLS_HANDSHAKING;
    *sent = send_early(session, early, length);
    run(session);
    if (session->live != NULL)
        tls_resume_started(session->live);
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
    secured.peer = live->path.peer;
    secured.notBefore = live->path.notBefore;
    secured.notAfter = live->path.notAfter;
    secured.resumed = tls_resumed(live);
#if defined(MBEDTLS_SSL_EARLY_DATA)
    secured.matchedPins = live->matched;
    secured.earlyAccepted = live->earlySent
        && mbedtls_ssl_get_early_data_status(&session->live->ssl) == MBEDTLS_SSL_EARLY_DATA_STATUS_ACCEPTED;
#endif
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
