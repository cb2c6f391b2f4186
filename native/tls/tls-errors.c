/* From mbedTLS's return codes to a reason an operator can act upon. */
#include "tls-internal.h"

#include "mbedtls/platform.h"
#include "psa/crypto.h"
#if MBEDTLS_VERSION_MAJOR < 4
#include "mbedtls/pem.h"
#endif

static const struct {
    int code;
    const char *text;
} texts[] = {
    { MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, "the peer speaks no TLS version that is allowed here" },
    { MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, "the handshake parameters do not fit together" },
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
    { MBEDTLS_ERR_X509_CERT_VERIFY_FAILED, "the certificate does not verify" },
    { MBEDTLS_ERR_SSL_ALLOC_FAILED, "out of memory" },
    { MBEDTLS_ERR_X509_ALLOC_FAILED, "out of memory" },
    /* What mbedTLS says when a record does not fit. */
    { MBEDTLS_ERR_SSL_BAD_INPUT_DATA, "a record is larger than the record buffer" },
};

const char *tls_error_text(int code)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].code == code)
            return texts[i].text;
    return "the TLS library refused";
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
static int memory_is_short(void)
{
    void *probe = mbedtls_calloc(1, 4096);
    mbedtls_free(probe);
    return probe == NULL;
}

static TlsReason reason_of_flags(uint32_t flags)
{
    const uint32_t dates = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE;
    if (flags & ~(dates | MBEDTLS_X509_BADCERT_CN_MISMATCH))
        return TLS_REASON_UNTRUSTED;
    return flags & MBEDTLS_X509_BADCERT_CN_MISMATCH ? TLS_REASON_NAME : TLS_REASON_DATES;
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

TlsFailure tls_failure_of(const mbedtls_ssl_context *ssl, int code)
{
    TlsFailure failure = { TLS_REASON_LOCAL, code, 0 };
    if (code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        failure.reason = TLS_REASON_ALERT;
        failure.code = received_alert(ssl);
    } else if (tls_error_is_memory(code))
        failure.reason = TLS_REASON_MEMORY;
    else if (code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED || code == MBEDTLS_ERR_SSL_BAD_CERTIFICATE) {
        uint32_t flags = mbedtls_ssl_get_verify_result(ssl);
        if (flags != 0 && flags != UINT32_MAX) { /* UINT32_MAX: no certificate was looked at */
            failure.verifyFlags = flags;
            failure.reason = reason_of_flags(flags);
        }
    }
    if ((failure.reason == TLS_REASON_LOCAL || failure.verifyFlags == MBEDTLS_X509_BADCERT_NOT_TRUSTED)
        && memory_is_short())
        failure.reason = TLS_REASON_MEMORY;
    return failure;
}
