/*
 * The session for XS (tls.js). One native a method: check the arguments, call, give the result back.
 * Buffers of the machine are only read between two calls into XS, because the collector moves them.
 */
#include "xsmc.h"

#include <string.h>

#include "mbedtls/build_info.h"
#include "mbedtls/ssl.h"

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
static void check(xsMachine *the, int code, const char *what)
{
    if (tls_error_is_memory(code))
        xsUnknownError("no memory for TLS");
    else if (code != 0)
        xsRangeError("%s (-0x%04x)", what, (unsigned)-code);
}

static void need_arguments(xsMachine *the, int count)
{
    if (xsmcArgc < count)
        xsTypeError("%d arguments are needed", count);
}

void tls_native_constructor(xsMachine *the)
{
    need_arguments(the, 4);
    TlsOptions options = {
        .minVersion = xsmcToInteger(xsArg(0)),
        .maxVersion = xsmcToInteger(xsArg(1)),
        .validAt = (int64_t)xsmcToNumber(xsArg(2)),
        .maxFragment = (uint32_t)xsmcToInteger(xsArg(3)),
    };
    TlsSession *session = tls_session_new(&options);
    if (session == NULL)
        xsUnknownError("no memory for TLS");
    TlsFailure failure = *tls_session_failure(session);
    if (failure.reason != TLS_REASON_NONE) {
        tls_session_free(session);
        check(the, failure.code, "a TLS option is not allowed");
    }
    xsmcSetHostData(xsThis, session);
}

void tls_native_close(xsMachine *the)
{
    TlsSession *session = xsmcGetHostDataValidate(xsThis, (void *)tls_native_destructor);
    xsmcSetHostData(xsThis, NULL);
    tls_session_free(session);
}

void tls_native_expect_name(xsMachine *the)
{
    TlsSession *session = session_of(the);
    need_arguments(the, 1);
    const char *name = xsmcToString(xsArg(0));
    check(the, tls_session_expect_name(session, name, strlen(name)), "not a host name");
}

static void read_buffer(xsMachine *the, void **bytes, xsUnsignedValue *length)
{
    need_arguments(the, 1);
    xsmcGetBufferReadable(xsArg(0), bytes, length);
}

void tls_native_expect_address(xsMachine *the)
{
    TlsSession *session = session_of(the);
    void *bytes;
    xsUnsignedValue length;
    read_buffer(the, &bytes, &length);
    check(the, tls_session_expect_address(session, bytes, length), "not an IP address");
}

void tls_native_trust(xsMachine *the)
{
    TlsSession *session = session_of(the);
    void *bytes;
    xsUnsignedValue length;
    read_buffer(the, &bytes, &length);
    check(the, tls_session_trust(session, bytes, length), "a CA certificate does not parse");
}

void tls_native_offer(xsMachine *the)
{
    TlsSession *session = session_of(the);
    need_arguments(the, 1);
    const char *name = xsmcToString(xsArg(0));
    check(the, tls_session_offer(session, name, strlen(name)), "not an ALPN protocol");
}

void tls_native_start(xsMachine *the)
{
    TlsSession *session = session_of(the);
    int code = tls_session_start(session);
    if (code == MBEDTLS_ERR_SSL_BAD_INPUT_DATA && tls_session_state(session) == TLS_CONFIGURING)
        xsTypeError("a TLS session needs CA certificates and a name before it starts");
}

void tls_native_feed(xsMachine *the)
{
    TlsSession *session = session_of(the);
    void *bytes;
    xsUnsignedValue length;
    read_buffer(the, &bytes, &length);
    xsmcSetInteger(xsResult, (xsIntegerValue)tls_session_feed(session, bytes, length));
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

void tls_native_failure(xsMachine *the)
{
    const TlsFailure failure = *tls_session_failure(session_of(the));
    int named = failure.reason == TLS_REASON_LOCAL || failure.reason == TLS_REASON_MEMORY;
    xsmcVars(1);
    xsmcSetNewArray(xsResult, 4);
    xsmcSetInteger(xsVar(0), failure.reason);
    xsmcSetIndex(xsResult, 0, xsVar(0));
    xsmcSetInteger(xsVar(0), failure.code);
    xsmcSetIndex(xsResult, 1, xsVar(0));
    xsmcSetInteger(xsVar(0), (xsIntegerValue)failure.verifyFlags);
    xsmcSetIndex(xsResult, 2, xsVar(0));
    xsmcSetString(xsVar(0), named ? (char *)tls_error_text(failure.code) : (char *)"");
    xsmcSetIndex(xsResult, 3, xsVar(0));
}

void tls_native_secured(xsMachine *the)
{
    const TlsSecured secured = tls_session_secured(session_of(the));
    xsmcVars(1);
    xsmcSetNewArray(xsResult, 6);
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
