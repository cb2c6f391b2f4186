/*
 * What is said to a session before it starts: whom to expect, whom to trust, who we are. Every word of it goes
 * into the fingerprint that a saved session is bound to (tls-resume.c). Nothing here judges a peer.
 */
#include "tls-heap.h"
#include "tls-internal.h"

#include <string.h>

#include "mbedtls/platform.h"
#include "mbedtls/platform_util.h"
#if MBEDTLS_VERSION_MAJOR < 4
#include "mbedtls/psa_util.h"
#endif

const char TLS_NO_MEMORY[] = "no memory for TLS";

static const char misplaced[] = "this comes too late, or twice";

enum { TAG_NAME = 1, TAG_ADDRESS, TAG_CA, TAG_CRL, TAG_PIN, TAG_CHAIN, TAG_KEY, TAG_PSK_IDENTITY, TAG_PSK, TAG_ALPN };

/* Tag, length, bytes: no two settings give the same input. */
int tls_settings_add(TlsLive *live, uint8_t tag, const void *bytes, size_t length)
{
    uint8_t head[5] = { tag, (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length };
    if (psa_hash_update(&live->settings, head, sizeof head) != PSA_SUCCESS
        || psa_hash_update(&live->settings, bytes, length) != PSA_SUCCESS)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    return 0;
}

/* Gives `problem` for a code that is not 0: mbedTLS says of what it had no memory for that it does not parse. */
static const char *told(const TlsLive *live, int code, const char *problem)
{
    if (code == 0)
        return NULL;
    return tls_error_is_memory(code) || tls_heap_refusals() != live->refusals ? TLS_NO_MEMORY : problem;
}

static int configuring(const TlsSession *session)
{
    return session->state == TLS_CONFIGURING && !session->live->keeping;
}

static int is_pem(const uint8_t *bytes, size_t length)
{
    static const char begin[] = "-----BEGIN";
    return length >= sizeof begin - 1 && memcmp(bytes, begin, sizeof begin - 1) == 0;
}

/* mbedTLS knows PEM by a NUL at the end. */
static uint8_t *terminated(const uint8_t *bytes, size_t length)
{
    uint8_t *text = mbedtls_calloc(1, length + 1);
    if (text != NULL)
        memcpy(text, bytes, length);
    return text;
}

static void free_text(uint8_t *text, size_t length)
{
    if (text != NULL)
        mbedtls_platform_zeroize(text, length);
    mbedtls_free(text);
}

static int parse_certificates(mbedtls_x509_crt *into, const uint8_t *bytes, size_t length)
{
    if (!is_pem(bytes, length))
        return mbedtls_x509_crt_parse_der(into, bytes, length);
    uint8_t *text = terminated(bytes, length);
    if (text == NULL)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    int code = mbedtls_x509_crt_parse(into, text, length + 1);
    free_text(text, length);
    /* A positive result counts certificates that did not parse: a store is whole or refused. */
    return code > 0 ? MBEDTLS_ERR_X509_INVALID_FORMAT : code;
}

const char *tls_session_expect_name(TlsSession *session, const char *name, size_t length)
{
    TlsLive *live = session->live;
    if (!configuring(session) || live->named)
        return misplaced;
    if (length == 0 || length > TLS_MAX_NAME || memchr(name, 0, length) != NULL)
        return "not a host name";
    if ((live->name = mbedtls_calloc(1, length + 1)) == NULL)
        return TLS_NO_MEMORY;
    memcpy(live->name, name, length);
    /* SNI and check in one. */
    int code = mbedtls_ssl_set_hostname(&live->ssl, live->name);
    live->named = 1;
    if (code == 0)
        code = tls_settings_add(live, TAG_NAME, name, length);
    return told(live, code, "not a host name");
}

const char *tls_session_expect_address(TlsSession *session, const uint8_t *address, size_t length)
{
    TlsLive *live = session->live;
    if (!configuring(session) || live->named)
        return misplaced;
    if (length != 4 && length != 16)
        return "not an IP address";
    /* NULL tells mbedTLS that the application looks after the name; tls-verify.c does. */
    int code = mbedtls_ssl_set_hostname(&live->ssl, NULL);
    if (code == 0)
        code = tls_settings_add(live, TAG_ADDRESS, address, length);
    if (code != 0)
        return told(live, code, "not an IP address");
    memcpy(live->address, address, length);
    live->addressLength = (uint8_t)length;
    live->named = 1;
    return NULL;
}

const char *tls_session_trust(TlsSession *session, const uint8_t *bytes, size_t length)
{
    if (!configuring(session))
        return misplaced;
    int code = parse_certificates(&session->live->trusted, bytes, length);
    if (code == 0)
        code = tls_settings_add(session->live, TAG_CA, bytes, length);
    return told(session->live, code, "a CA certificate does not parse");
}

const char *tls_session_revoke(TlsSession *session, const uint8_t *bytes, size_t length)
{
    if (!configuring(session))
        return misplaced;
    mbedtls_x509_crl *revoked = &session->live->revoked;
    int code = MBEDTLS_ERR_SSL_ALLOC_FAILED;
    if (!is_pem(bytes, length))
        code = mbedtls_x509_crl_parse_der(revoked, bytes, length);
    else {
        uint8_t *text = terminated(bytes, length);
        if (text != NULL)
            code = mbedtls_x509_crl_parse(revoked, text, length + 1);
        free_text(text, length);
    }
    if (code == 0)
        code = tls_settings_add(session->live, TAG_CRL, bytes, length);
    return told(session->live, code, "the CRL does not parse");
}

const char *tls_session_pin(TlsSession *session, const uint8_t *digest, size_t length)
{
    TlsLive *live = session->live;
    if (!configuring(session))
        return misplaced;
    if (length != TLS_PIN_BYTES || live->pinCount == TLS_MAX_PINS)
        return "at most 8 pins of 32 bytes";
    if (live->pins == NULL)
        live->pins = mbedtls_calloc(TLS_MAX_PINS, TLS_PIN_BYTES);
    if (live->pins == NULL)
        return TLS_NO_MEMORY;
    memcpy(live->pins[live->pinCount++], digest, length);
    return told(live, tls_settings_add(live, TAG_PIN, digest, length), misplaced);
}

/* RFC 5958 §3: an EncryptedPrivateKeyInfo begins with an AlgorithmIdentifier, every other key with a version. */
static int is_encrypted(const uint8_t *key, size_t length)
{
    if (is_pem(key, length)) {
        static const char word[] = "ENCRYPTED";
        for (size_t i = 0; i + sizeof word - 1 <= length; i++)
            if (memcmp(key + i, word, sizeof word - 1) == 0)
                return 1;
        return 0;
    }
    size_t inner = length < 2 ? length : key[1] < 0x80 ? 2 : 2 + (size_t)(key[1] & 0x7f);
    return inner < length && key[0] == 0x30 && key[inner] == 0x30;
}

static int parse_key(mbedtls_pk_context *into, const uint8_t *bytes, size_t length)
{
    uint8_t *text = is_pem(bytes, length) ? terminated(bytes, length) : NULL;
    if (is_pem(bytes, length) && text == NULL)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
#if MBEDTLS_VERSION_MAJOR < 4
    int code = mbedtls_pk_parse_key(into, text != NULL ? text : bytes, text != NULL ? length + 1 : length, NULL, 0,
                                    mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
#else
    int code = mbedtls_pk_parse_key(into, text != NULL ? text : bytes, text != NULL ? length + 1 : length, NULL, 0);
#endif
    free_text(text, length);
    return code;
}

static int is_fit(const mbedtls_pk_context *key)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    if (mbedtls_pk_get_psa_attributes(key, PSA_KEY_USAGE_SIGN_HASH, &attributes) != 0)
        return 0;
    psa_key_type_t type = psa_get_key_type(&attributes);
    size_t bits = psa_get_key_bits(&attributes);
    psa_reset_key_attributes(&attributes);
    if (type == PSA_KEY_TYPE_RSA_KEY_PAIR)
        return bits >= 2048 && bits <= 4096;
    return type == PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1) && bits == 256;
}

const char *tls_session_identify(TlsSession *session, const uint8_t *chain, size_t chainLength, const uint8_t *key,
                                 size_t keyLength)
{
    TlsLive *live = session->live;
    if (!configuring(session) || live->identified || live->preshared)
        return misplaced;
    live->identified = 1; /* even if it fails: the two are never half there */
    int code = parse_certificates(&live->chain, chain, chainLength);
    if (code != 0)
        return told(live, code, "the client's certificate does not parse");
    if (is_encrypted(key, keyLength))
        return "the private key is encrypted: store it decrypted";
    if ((code = parse_key(&live->key, key, keyLength)) != 0)
        return told(live, code, "the private key does not parse");
    if (!is_fit(&live->key))
        return told(live, MBEDTLS_ERR_SSL_BAD_CONFIG, "the private key is neither P-256 nor RSA of 2048 to 4096 bits");
#if MBEDTLS_VERSION_MAJOR < 4
    code = mbedtls_pk_check_pair(&live->chain.pk, &live->key, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
#else
    code = mbedtls_pk_check_pair(&live->chain.pk, &live->key);
#endif
    if (code != 0)
        return told(live, code, "the private key is not that of the client's certificate");
    if ((code = mbedtls_ssl_conf_own_cert(&live->config, &live->chain, &live->key)) == 0
        && (code = tls_settings_add(live, TAG_CHAIN, chain, chainLength)) == 0)
        code = tls_settings_add(live, TAG_KEY, key, keyLength);
    return told(live, code, "the client's certificate cannot be used");
}

const char *tls_session_preshare(TlsSession *session, const uint8_t *identity, size_t identityLength,
                                 const uint8_t *key, size_t keyLength, int forwardSecrecy)
{
    TlsLive *live = session->live;
    if (!configuring(session) || live->identified || live->preshared)
        return misplaced;
    if (identityLength == 0 || identityLength > TLS_MAX_IDENTITY)
        return "a PSK identity has 1 to 128 bytes";
    if (keyLength < TLS_MIN_PSK || keyLength > TLS_MAX_PSK || keyLength > MBEDTLS_PSK_MAX_LEN)
        return "a PSK has 16 to 64 bytes";
#if !defined(MBEDTLS_KEY_EXCHANGE_PSK_ENABLED)
    if (!forwardSecrecy)
        return "this firmware has no PSK without forward secrecy";
#endif
    live->preshared = 1;
    tls_config_preshared(live, forwardSecrecy);
    int code = mbedtls_ssl_conf_psk(&live->config, key, keyLength, identity, identityLength);
    if (code == 0 && (code = tls_settings_add(live, TAG_PSK_IDENTITY, identity, identityLength)) == 0)
        code = tls_settings_add(live, TAG_PSK, key, keyLength);
    return told(live, code, "the PSK cannot be used");
}

const char *tls_session_offer(TlsSession *session, const char *name, size_t length)
{
    if (!configuring(session))
        return misplaced;
    const char **slot = session->live->protocols;
    while (*slot != NULL)
        slot++;
    if (length == 0 || length > 255 || memchr(name, 0, length) != NULL
        || slot == session->live->protocols + TLS_MAX_PROTOCOLS)
        return "not an ALPN protocol";
    char *copy = mbedtls_calloc(1, length + 1);
    if (copy == NULL)
        return TLS_NO_MEMORY;
    memcpy(copy, name, length);
    *slot = copy;
    return told(session->live, tls_settings_add(session->live, TAG_ALPN, name, length), misplaced);
}

/* The configuration must not point at what is gone. */
void tls_credentials_free(TlsLive *live)
{
    mbedtls_ssl_conf_ca_chain(&live->config, NULL, NULL);
    if (live->identified)
        (void)mbedtls_ssl_conf_own_cert(&live->config, NULL, NULL);
    mbedtls_x509_crt_free(&live->trusted);
    mbedtls_x509_crl_free(&live->revoked);
    mbedtls_x509_crt_free(&live->chain);
    mbedtls_pk_free(&live->key);
    mbedtls_free(live->pins);
    live->pins = NULL;
    live->pinCount = 0;
}
