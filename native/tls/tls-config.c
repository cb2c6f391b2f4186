/* What the client offers: RFC 9325's AEAD suites with forward secrecy, TLS 1.2 and 1.3, and nothing else. */
#include "tls-heap.h"
#include "tls-internal.h"

#include "mbedtls/ssl_ciphersuites.h"
#include "psa/crypto.h"
#if MBEDTLS_VERSION_MAJOR < 4
#include "mbedtls/psa_util.h"
#endif

/* AES first: boards have it in hardware. */
static const int suites[] = {
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    0
};

/*
 * With a pre-shared key, only that: whoever does not have it cannot answer. Its hash is SHA-256 (RFC 8446 §4.2.11),
 * and of TLS 1.2's suites with forward secrecy mbedTLS has one with an AEAD (RFC 7905).
 */
static const int suitesPsk[] = {
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
    0
};
static const int suitesStaticPsk[] = {
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256,
    0
};

/* The first is the key share of the first flight. P-384 is there for certificates with such a key. */
static const uint16_t groups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_NONE
};

/*
 * PKCS #1 before PSS: mbedTLS 3.6 offers PSS for TLS 1.2 but refuses a ServerKeyExchange that uses it, and
 * servers take the first that fits. TLS 1.3 forbids PKCS #1 in the handshake (RFC 8446 §4.2.3), so it uses PSS.
 */
static const uint16_t signatures[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
    MBEDTLS_TLS1_3_SIG_NONE
};
static const uint16_t signatures12[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
    MBEDTLS_TLS1_3_SIG_NONE
};

static int fragment_code(uint32_t bytes, unsigned char *code)
{
    switch (bytes) {
    case 512: *code = MBEDTLS_SSL_MAX_FRAG_LEN_512; return 0;
    case 1024: *code = MBEDTLS_SSL_MAX_FRAG_LEN_1024; return 0;
    case 2048: *code = MBEDTLS_SSL_MAX_FRAG_LEN_2048; return 0;
    case 4096: *code = MBEDTLS_SSL_MAX_FRAG_LEN_4096; return 0;
    default: return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    }
}

int tls_config_apply(TlsLive *live, const TlsOptions *options)
{
    mbedtls_ssl_config *config = &live->config;
    unsigned char fragment = 0;
    int error;

    if (options->minVersion < 0x0303 || options->maxVersion > 0x0304 || options->minVersion > options->maxVersion)
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    if ((error = fragment_code(options->maxFragment, &fragment)) != 0)
        return error;
    tls_heap_start();
    if (psa_crypto_init() != PSA_SUCCESS)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    error = mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT);
    if (error != 0)
        return error;
#if MBEDTLS_VERSION_MAJOR < 4
    mbedtls_ssl_conf_rng(config, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
#endif
    mbedtls_ssl_conf_min_tls_version(config, (mbedtls_ssl_protocol_version)options->minVersion);
    mbedtls_ssl_conf_max_tls_version(config, (mbedtls_ssl_protocol_version)options->maxVersion);
    mbedtls_ssl_conf_ciphersuites(config, suites);
    mbedtls_ssl_conf_groups(config, groups);
    mbedtls_ssl_conf_sig_algs(config, options->maxVersion > 0x0303 ? signatures : signatures12);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_cert_profile(config, &mbedtls_x509_crt_profile_default);
    mbedtls_ssl_conf_verify(config, tls_verify_certificate, live);
#if defined(MBEDTLS_SSL_MAX_FRAGMENT_LENGTH)
    /* mbedTLS refuses the answer that servers give in TLS 1.3's EncryptedExtensions; there it sends
       record_size_limit (RFC 8449) by itself. */
    if (options->maxVersion <= 0x0303 && (error = mbedtls_ssl_conf_max_frag_len(config, fragment)) != 0)
        return error;
#endif
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    mbedtls_ssl_conf_tls13_key_exchange_modes(config, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
#endif
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
    mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#endif
    return 0;
}

void tls_config_preshared(TlsLive *live, int forwardSecrecy)
{
    mbedtls_ssl_conf_ciphersuites(&live->config, forwardSecrecy ? suitesPsk : suitesStaticPsk);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    mbedtls_ssl_conf_tls13_key_exchange_modes(&live->config, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
#endif
}

/*
 * Asks for tickets. Not in TLS 1.3 with an external PSK: its handshake already is what a ticket would make of it.
 */
void tls_config_tickets(TlsLive *live)
{
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
    mbedtls_ssl_conf_session_tickets(&live->config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    if (live->preshared)
        return;
#if MBEDTLS_VERSION_MAJOR < 4 /* 4.x tells of every ticket */
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        &live->config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
    mbedtls_ssl_conf_tls13_key_exchange_modes(&live->config,
                                              MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL
                                                  | MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL);
#endif
#endif
}
