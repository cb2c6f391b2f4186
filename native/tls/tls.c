/*
 * The session for XS (tls.js). One native a method: check the arguments, call, give the result back.
 * Buffers of the machine are only read between two calls into XS, because the collector moves them.
 */
#include "xsmc.h"

#include <string.h>

#include "mbedtls/build_info.h"
#include "mbedtls/ssl.h"

#include "../crypto/crypto-scrub.h"
#include "../crypto/crypto-secret.h"
#include "tls-session.h"

void tls_native_destructor(void *data)
{
    tls_session_free(data);
}

static TlsSession *session_of(xsMachine *the)
{
    TlsSession *session = xsmcGetHostDataValidate(xsThis, (void *)tls_native_destructor);
    if (session == NULL)
        xsTypeError("the TLS session is closed");
    return session;
}

/* What a configuring call refused. */
static void check(xsMachine *the, const char *problem)
{
    if (problem == TLS_NO_MEMORY)
        xsUnknownError("%s", problem);
    else if (problem != NULL)
        xsRangeError("%s", problem);
}

static void need_arguments(xsMachine *the, int count)
{
    if (xsmcArgc < count)
        xsTypeError("%d arguments are needed", count);
}

void tls_native_constructor(xsMachine *the)
{
    need_arguments(the, 5);
    TlsOptions options = {
        .minVersion = xsmcToInteger(xsArg(0)),
        .maxVersion = xsmcToInteger(xsArg(1)),
        .floor = (int64_t)xsmcToNumber(xsArg(2)),
        .now = (int64_t)xsmcToNumber(xsArg(3)),
        .maxFragment = (uint32_t)xsmcToInteger(xsArg(4)),
    };
    TlsSession *session = tls_session_new(&options);
    if (session == NULL)
        xsUnknownError("no memory for TLS");
    TlsFailure failure = *tls_session_failure(session);
    if (failure.reason != TLS_REASON_NONE) {
        tls_session_free(session);
        check(the, failure.reason == TLS_REASON_MEMORY ? TLS_NO_MEMORY : "a TLS option is not allowed");
    }
    xsmcSetHostData(xsThis, session);
}

void tls_native_close(xsMachine *the)
{
    TlsSession *session = xsmcGetHostDataValidate(xsThis, (void *)tls_native_destructor);
    xsmcSetHostData(xsThis, NULL);
    tls_session_free(session);
    crypto_scrub((struct sxMachine *)the);
}

void tls_native_expect_name(xsMachine *the)
{
    TlsSession *session = session_of(the);
    need_arguments(the, 1);
    const char *name = xsmcToString(xsArg(0));
    check(the, tls_session_expect_name(session, name, strlen(name)));
}

static void read_argument(xsMachine *the, int index, void **bytes, xsUnsignedValue *length)
{
    need_arguments(the, index + 1);
    xsmcGetBufferReadable(xsArg(index), bytes, length);
}

static void read_buffer(xsMachine *the, void **bytes, xsUnsignedValue *length)
{
    read_argument(the, 0, bytes, length);
}

static void configure(xsMachine *the, const char *(*take)(TlsSession *, const uint8_t *, size_t))
{
    TlsSession *session = session_of(the);
    void *bytes;
    xsUnsignedValue length;
    read_buffer(the, &bytes, &length);
    check(the, take(session, bytes, length));
}

void tls_native_expect_address(xsMachine *the) { configure(the, tls_session_expect_address); }
void tls_native_trust(xsMachine *the) { configure(the, tls_session_trust); }
void tls_native_revoke(xsMachine *the) { configure(the, tls_session_revoke); }
void tls_native_pin(xsMachine *the) { configure(the, tls_session_pin); }

void tls_native_identify(xsMachine *the)
{
    TlsSession *session = session_of(the);
    void *chain, *key;
    xsUnsignedValue chainLength, keyLength;
    read_argument(the, 0, &chain, &chainLength);
    read_argument(the, 1, &key, &keyLength);
    check(the, tls_session_identify(session, chain, chainLength, key, keyLength));
}

void tls_native_preshare(xsMachine *the)
{
    TlsSession *session = session_of(the);
    void *identity, *key;
    xsUnsignedValue identityLength, keyLength;
    need_arguments(the, 3);
    int forwardSecrecy = xsmcTest(xsArg(2));
    read_argument(the, 0, &identity, &identityLength);
    read_argument(the, 1, &key, &keyLength);
    check(the, tls_session_preshare(session, identity, identityLength, key, keyLength, forwardSecrecy));
}

void tls_native_offer(xsMachine *the)
{
    TlsSession *session = session_of(the);
    need_arguments(the, 1);
    const char *name = xsmcToString(xsArg(0));
    check(the, tls_session_offer(session, name, strlen(name)));
}

void tls_native_resume(xsMachine *the)
{
    TlsSession *session = session_of(the);
    void *saved;
    xsUnsignedValue length;
    need_arguments(the, 3);
    psa_key_id_t secret = crypto_secret(the, &xsArg(1));
    xsNumberValue maxAge = xsmcToNumber(xsArg(2));
    if (!(maxAge >= 0 && maxAge <= UINT32_MAX))
        xsRangeError("not an age in seconds");
    read_buffer(the, &saved, &length);
    xsmcSetBoolean(xsResult, tls_session_resume(session, saved, length, secret, (uint32_t)maxAge));
}

void tls_native_start(xsMachine *the)
{
    TlsSession *session = session_of(the);
    void *early = NULL;
    xsUnsignedValue length = 0;
    int sent;
    if (xsmcArgc > 0 && xsmcTypeOf(xsArg(0)) != xsUndefinedType)
        read_buffer(the, &early, &length);
    int code = tls_session_start(session, early, length, &sent);
    if (code == MBEDTLS_ERR_SSL_BAD_INPUT_DATA && tls_session_state(session) == TLS_CONFIGURING)
        xsTypeError("a TLS session needs CA certificates, pins or a PSK, and a name, before it starts");
    xsmcSetInteger(xsResult, sent ? (xsIntegerValue)length : 0);
}

void tls_native_feed(xsMachine *the)
{
    TlsSession *session = session_of(the);
    void *bytes;
    xsUnsignedValue length;
    TlsState before = tls_session_state(session);
    read_buffer(the, &bytes, &length);
    xsmcSetInteger(xsResult, (xsIntegerValue)tls_session_feed(session, bytes, length));
    /* The handshake is over and with it the use of keys; who passed them in has zeroed the buffers long since. */
    if (before == TLS_HANDSHAKING && tls_session_state(session) != TLS_HANDSHAKING)
        crypto_scrub((struct sxMachine *)the);
}

/* The smaller of the first argument and what there is. */
static size_t requested(xsMachine *the, size_t available)
{
    need_arguments(the, 1);
    xsNumberValue wanted = xsmcToNumber(xsArg(0));
    if (!(wanted >= 0))
        xsRangeError("not a byte count");
    return wanted < (xsNumberValue)available ? (size_t)wanted : available;
}

void tls_native_drain(xsMachine *the)
{
    TlsSession *session = session_of(the);
    size_t length = requested(the, tls_session_pending(session));
    if (length == 0)
        return;
    void *bytes = xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)length);
    tls_session_drain(session, bytes, length);
}

void tls_native_read(xsMachine *the)
{
    TlsSession *session = session_of(the);
    size_t length = requested(the, tls_session_readable(session));
    if (length == 0)
        return;
    void *bytes = xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)length);
    tls_session_read(session, bytes, length);
}

void tls_native_write(xsMachine *the)
{
    TlsSession *session = session_of(the);
    void *bytes;
    xsUnsignedValue length;
    read_buffer(the, &bytes, &length);
    xsmcSetInteger(xsResult, (xsIntegerValue)tls_session_write(session, bytes, length));
}

void tls_native_shutdown(xsMachine *the)
{
    tls_session_shutdown(session_of(the));
}

void tls_native_save(xsMachine *the)
{
    TlsSession *session = session_of(the);
    size_t length;
    need_arguments(the, 2);
    psa_key_id_t secret = crypto_secret(the, &xsArg(0));
    xsNumberValue most = xsmcToNumber(xsArg(1));
    if (!(most >= 0 && most <= 65535))
        xsRangeError("not a byte count");
    uint8_t *saved = tls_session_save(session, secret, (size_t)most, &length);
    if (saved == NULL)
        return;
    void *bytes = xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)length);
    memcpy(bytes, saved, length);
    tls_saved_free(saved);
}

void tls_native_failure(xsMachine *the)
{
    const TlsFailure failure = *tls_session_failure(session_of(the));
    int named = failure.code < 0 && failure.verifyFlags == 0; /* an alert has its own name */
    xsmcVars(1);
    xsmcSetNewArray(xsResult, 5);
    xsmcSetInteger(xsVar(0), failure.reason);
    xsmcSetIndex(xsResult, 0, xsVar(0));
    xsmcSetInteger(xsVar(0), failure.code);
    xsmcSetIndex(xsResult, 1, xsVar(0));
    xsmcSetNumber(xsVar(0), (xsNumberValue)failure.verifyFlags);
    xsmcSetIndex(xsResult, 2, xsVar(0));
    xsmcSetString(xsVar(0), named ? (char *)tls_error_text(failure.code) : (char *)"");
    xsmcSetIndex(xsResult, 3, xsVar(0));
    xsmcSetString(xsVar(0), (char *)failure.seen);
    xsmcSetIndex(xsResult, 4, xsVar(0));
}

void tls_native_secured(xsMachine *the)
{
    const TlsSecured secured = tls_session_secured(session_of(the));
    xsmcVars(1);
    xsmcSetNewArray(xsResult, 9);
    xsmcSetInteger(xsVar(0), secured.version);
    xsmcSetIndex(xsResult, 0, xsVar(0));
    xsmcSetInteger(xsVar(0), secured.cipherSuite);
    xsmcSetIndex(xsResult, 1, xsVar(0));
    if (secured.protocol != NULL)
        xsmcSetString(xsVar(0), (char *)secured.protocol);
    else
        xsmcSetUndefined(xsVar(0));
    xsmcSetIndex(xsResult, 2, xsVar(0));
    xsmcSetString(xsVar(0), (char *)(secured.peer != NULL ? secured.peer : ""));
    xsmcSetIndex(xsResult, 3, xsVar(0));
    xsmcSetNumber(xsVar(0), (xsNumberValue)secured.notBefore);
    xsmcSetIndex(xsResult, 4, xsVar(0));
    xsmcSetNumber(xsVar(0), (xsNumberValue)secured.notAfter);
    xsmcSetIndex(xsResult, 5, xsVar(0));
    xsmcSetBoolean(xsVar(0), secured.resumed);
    xsmcSetIndex(xsResult, 6, xsVar(0));
    xsmcSetBoolean(xsVar(0), secured.earlyAccepted);
    xsmcSetIndex(xsResult, 7, xsVar(0));
    xsmcSetInteger(xsVar(0), secured.matchedPins);
    xsmcSetIndex(xsResult, 8, xsVar(0));
}

void tls_native_crl_number(xsMachine *the)
{
    void *list;
    xsUnsignedValue length;
    double number;
    read_argument(the, 0, &list, &length);
    if (tls_crl_number(list, length, &number))
        xsmcSetNumber(xsResult, number);
}

void tls_native_crl_is_of(xsMachine *the)
{
    void *list, *ca, *issuer = NULL;
    xsUnsignedValue length, caLength, issuerLength = 0;
    read_argument(the, 0, &list, &length);
    read_argument(the, 1, &ca, &caLength);
    if (xsmcArgc > 2 && xsmcTest(xsArg(2)))
        read_argument(the, 2, &issuer, &issuerLength);
    xsmcSetBoolean(xsResult, tls_crl_is_of(list, length, ca, caLength, issuer, issuerLength));
}

void tls_native_get_resumable(xsMachine *the)
{
    xsmcSetBoolean(xsResult, tls_session_resumable(session_of(the)));
}

void tls_native_get_state(xsMachine *the)
{
    xsmcSetInteger(xsResult, tls_session_state(session_of(the)));
}

void tls_native_get_wanted(xsMachine *the)
{
    xsmcSetInteger(xsResult, (xsIntegerValue)tls_session_wanted(session_of(the)));
}

void tls_native_get_pending(xsMachine *the)
{
    xsmcSetInteger(xsResult, (xsIntegerValue)tls_session_pending(session_of(the)));
}

void tls_native_get_readable(xsMachine *the)
{
    xsmcSetInteger(xsResult, (xsIntegerValue)tls_session_readable(session_of(the)));
}

void tls_native_get_writable(xsMachine *the)
{
    xsmcSetInteger(xsResult, (xsIntegerValue)tls_session_writable(session_of(the)));
}
