/* From mbedTLS's return codes to a reason an operator can act upon. */
#include "tls-heap.h"
#include "tls-internal.h"

#include <string.h>

#include "psa/crypto.h"
#if MBEDTLS_VERSION_MAJOR < 4
#include "mbedtls/ecp.h"
#include "mbedtls/pem.h"
#include "mbedtls/rsa.h"
#endif

static const struct {
    int code;
    const char *text;
} texts[] = {
    { MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, "the peer speaks no TLS version that is allowed here" },
    { MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, "the handshake parameters, or a signature, do not fit" },
    { MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER, "the peer chose a parameter that was not offered" },
    { MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE, "a message came out of turn" },
    { MBEDTLS_ERR_SSL_INVALID_MAC, "a record does not authenticate" },
    { MBEDTLS_ERR_SSL_INVALID_RECORD, "what came is no TLS record, or one too large" },
    { MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL, "a handshake message is larger than the record buffer" },
    { MBEDTLS_ERR_SSL_BAD_CERTIFICATE, "the peer's certificate is missing or not usable for a server" },
    { MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL, "the peer speaks none of the application protocols offered" },
    { MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION, "the peer sent an extension that was not asked for" },
    { MBEDTLS_ERR_SSL_DECODE_ERROR, "a handshake message does not decode" },
    { MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE, "the peer asks for what this client does not do" },
    { MBEDTLS_ERR_SSL_CONN_EOF, "the connection ended" },
    { MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY, "close_notify came during the handshake" },
    { MBEDTLS_ERR_X509_CERT_VERIFY_FAILED, "the certificate does not verify" },
#if MBEDTLS_VERSION_MAJOR < 4
    { MBEDTLS_ERR_ECP_VERIFY_FAILED, "the peer did not sign with its certificate's key" },
    { MBEDTLS_ERR_RSA_VERIFY_FAILED, "the peer did not sign with its certificate's key" },
#else
    { PSA_ERROR_INVALID_SIGNATURE, "the peer did not sign with its certificate's key" },
#endif
    { MBEDTLS_ERR_SSL_ALLOC_FAILED, "out of memory" },
    { MBEDTLS_ERR_X509_ALLOC_FAILED, "out of memory" },
    /* What mbedTLS says when a record, or a message in several, does not fit. */
    { MBEDTLS_ERR_SSL_BAD_INPUT_DATA, "a record or message is larger than the record buffer" },
};

/* The peer's certificate, or the key in it, does not even parse: an algorithm that is not accepted here, or broken. */
static int is_certificate(int code)
{
    int high = -code & 0xff80;
    return (high >= 0x2080 && high <= 0x2980)
        || (high >= -MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE && high <= -MBEDTLS_ERR_PK_KEY_INVALID_VERSION);
}

const char *tls_error_text(int code)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].code == code)
            return texts[i].text;
    return is_certificate(code) ? "it cannot be read, or demands what is not supported here" : "the TLS library refused";
}

int tls_error_is_memory(int code)
{
#if MBEDTLS_VERSION_MAJOR < 4
    switch (code) {
    case MBEDTLS_ERR_PK_ALLOC_FAILED:
    case MBEDTLS_ERR_MPI_ALLOC_FAILED:
    case MBEDTLS_ERR_ECP_ALLOC_FAILED:
    case MBEDTLS_ERR_ASN1_ALLOC_FAILED:
    case MBEDTLS_ERR_PEM_ALLOC_FAILED:
    case MBEDTLS_ERR_MD_ALLOC_FAILED:
    case MBEDTLS_ERR_CIPHER_ALLOC_FAILED:
        return 1;
    default:
        break;
    }
#endif
    return code == MBEDTLS_ERR_SSL_ALLOC_FAILED || code == MBEDTLS_ERR_X509_ALLOC_FAILED
        || code == PSA_ERROR_INSUFFICIENT_MEMORY;
}

/* mbedTLS calls a signature bad, or a handshake failed, that it had no memory for. The outcome is the same, the remedy is not. */
static int memory_was_short(const TlsLive *live)
{
    return tls_heap_refusals() != live->refusals;
}

/* The gravest fault decides; pins are looked at when all else is right. */
static TlsReason reason_of_flags(uint32_t flags)
{
    const uint32_t lesser = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE | MBEDTLS_X509_BADCERT_OTHER
        | MBEDTLS_X509_BADCERT_CN_MISMATCH | MBEDTLS_X509_BADCERT_REVOKED | TLS_FLAG_CERTAIN | TLS_FLAG_NO_TIME;
    if (flags & ~lesser)
        return TLS_REASON_UNTRUSTED;
    if (flags & MBEDTLS_X509_BADCERT_REVOKED)
        return TLS_REASON_REVOKED;
    if (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH)
        return TLS_REASON_NAME;
    if (flags & MBEDTLS_X509_BADCERT_EXPIRED)
        return TLS_REASON_EXPIRED;
    if (flags & MBEDTLS_X509_BADCERT_FUTURE)
        return TLS_REASON_NOT_YET_VALID;
    return flags & MBEDTLS_X509_BADCERT_OTHER ? TLS_REASON_PIN : TLS_REASON_NO_TIME;
}

static int received_alert(const mbedtls_ssl_context *ssl)
{
#if MBEDTLS_VERSION_NUMBER >= 0x04010000
    return mbedtls_ssl_get_fatal_alert(ssl);
#else
    /* mbedTLS leaves the alert record where it was decrypted: level, description. */
    return ssl->MBEDTLS_PRIVATE(in_msg)[1];
#endif
}

/* Whether the server has seen our certificate, or that there is none. */
static int has_answered(const mbedtls_ssl_context *ssl)
{
    return ssl->MBEDTLS_PRIVATE(state) >= MBEDTLS_SSL_SERVER_CHANGE_CIPHER_SPEC;
}

/* RFC 8446 §6, RFC 5246 §7.2; what servers make of them differs. */
static TlsReason reason_of_alert(const TlsLive *live, int alert)
{
    switch (alert) {
    case MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION:
    case MBEDTLS_SSL_ALERT_MSG_INAPROPRIATE_FALLBACK:
        return TLS_REASON_VERSION;
    case MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL:
        return TLS_REASON_ALPN;
    default:
        break;
    }
    if (live->preshared)
        switch (alert) {
        case MBEDTLS_SSL_ALERT_MSG_BAD_RECORD_MAC: /* a wrong key, found by the Finished that does not decrypt */
        case MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR:
        case MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE:
        case MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER:
        case MBEDTLS_SSL_ALERT_MSG_UNKNOWN_PSK_IDENTITY:
        case 109: /* missing_extension: it wants certificates */
            return TLS_REASON_PSK;
        default:
            return TLS_REASON_REFUSED;
        }
    switch (alert) {
    case MBEDTLS_SSL_ALERT_MSG_BAD_CERT:
    case MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT:
    case MBEDTLS_SSL_ALERT_MSG_CERT_REVOKED:
    case MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED:
    case MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN:
    case MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA:
    case MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED:
    case 116: /* certificate_required */
        return TLS_REASON_CLIENT_AUTH;
    case MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE: /* TLS 1.2 says this for a missing certificate too */
        return has_answered(&live->ssl) ? TLS_REASON_CLIENT_AUTH : TLS_REASON_NO_COMMON_SUITE;
    case MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR:
        return has_answered(&live->ssl) && live->identified ? TLS_REASON_CLIENT_AUTH : TLS_REASON_REFUSED;
    case MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR: /* GnuTLS's word for a certificate that is missing in TLS 1.2 */
        return has_answered(&live->ssl) && !live->identified ? TLS_REASON_CLIENT_AUTH : TLS_REASON_REFUSED;
    case MBEDTLS_SSL_ALERT_MSG_INSUFFICIENT_SECURITY:
        return TLS_REASON_NO_COMMON_SUITE;
    default:
        return TLS_REASON_REFUSED;
    }
}

/* The record's header announces more than the buffer holds (RFC 8446 §5.1): a large record, not garbage. */
static int is_oversized(const mbedtls_ssl_context *ssl)
{
    const unsigned char *header = ssl->MBEDTLS_PRIVATE(in_hdr);
    if (header == NULL || header[0] < 20 || header[0] > 24 || header[1] != 3)
        return 0;
    return ((size_t)header[3] << 8 | header[4]) > MBEDTLS_SSL_IN_CONTENT_LEN;
}

static TlsReason reason_of_code(const TlsLive *live, int code)
{
    switch (code) {
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
        return TLS_REASON_VERSION;
    case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL:
        return TLS_REASON_ALPN;
    case MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL:
    case MBEDTLS_ERR_SSL_BAD_INPUT_DATA: /* what mbedTLS says of a record, or a message of several, that does not fit */
        return TLS_REASON_RECORD_OVERFLOW;
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
        return is_oversized(&live->ssl) ? TLS_REASON_RECORD_OVERFLOW : TLS_REASON_PROTOCOL;
    case MBEDTLS_ERR_SSL_BAD_CERTIFICATE:
    case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
        return TLS_REASON_UNTRUSTED;
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
    case MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER:
        if (live->preshared)
            return TLS_REASON_PSK;
        if (live->ssl.MBEDTLS_PRIVATE(state) == MBEDTLS_SSL_CERTIFICATE_VERIFY)
            return TLS_REASON_PROTOCOL; /* TLS 1.3: whoever sent the certificate did not sign with its key */
        return code == MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE ? TLS_REASON_NO_COMMON_SUITE : TLS_REASON_PROTOCOL;
    default:
        return is_certificate(code) ? TLS_REASON_UNTRUSTED : TLS_REASON_PROTOCOL;
    }
}

static void tell_seen(TlsFailure *failure, const TlsPath *path)
{
    switch (failure->reason) {
    case TLS_REASON_PIN:
    case TLS_REASON_NAME:
    case TLS_REASON_EXPIRED:
    case TLS_REASON_NOT_YET_VALID:
        memcpy(failure->seen, path->seen, sizeof failure->seen);
        break;
    default:
        break;
    }
}

TlsFailure tls_failure_of(const TlsLive *live, int code)
{
    TlsFailure failure = { .code = code };
    uint32_t flags = 0;
    if (code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        failure.code = received_alert(&live->ssl);
        /* mbedTLS sends on what it had no memory to make, and the server refuses it */
        failure.reason = memory_was_short(live) ? TLS_REASON_MEMORY : reason_of_alert(live, failure.code);
        return failure;
    }
    if (code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED || code == MBEDTLS_ERR_SSL_BAD_CERTIFICATE)
        flags = mbedtls_ssl_get_verify_result(&live->ssl);
    if (flags != 0 && flags != UINT32_MAX) { /* UINT32_MAX: no certificate was looked at */
        failure.verifyFlags = flags;
        failure.reason = reason_of_flags(flags);
    } else
        failure.reason = reason_of_code(live, code);
    if (tls_error_is_memory(code) || memory_was_short(live))
        failure.reason = TLS_REASON_MEMORY;
    tell_seen(&failure, &live->path);
    return failure;
}
