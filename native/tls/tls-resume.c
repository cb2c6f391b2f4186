/*
 * A session that survives deep sleep: what mbedTLS needs to resume it, sealed, in a form for RTC memory.
 *
 *   0  version, 2                                                   5  end of the certificates, u32, Unix seconds, or 0
 *   1  last full handshake, u32, seconds of mbedtls_ms_time         9  pins that its server has shown, a bit for each
 *  10  nonce, 12    22  ciphertext, tag 16
 *
 * AES-128-GCM; the key comes by HKDF-SHA-256 from the device's secret, which is in flash: RTC memory alone gives
 * nothing away and accepts nothing forged. Additional data are the first ten bytes and the fingerprint of all
 * settings: another pin, CA, CRL, name or identity, and it does not open. A resumed session keeps the time of its
 * last full handshake, so that renewals do not make it live for ever; and it ends with the certificates of that one.
 */
#include "tls-heap.h"
#include "tls-internal.h"

#include <string.h>

#include "mbedtls/platform.h"
#include "mbedtls/platform_time.h"
#include "mbedtls/platform_util.h"

enum { VERSION = 2, MATCHED_AT = 9, NONCE_AT = 10, NONCE_BYTES = 12, SEALED_AT = NONCE_AT + NONCE_BYTES, TAG_BYTES = 16, HEAD_BYTES = NONCE_AT };

/* Survives deep sleep, unlike the time since boot; starts anew when power fails, as RTC memory does. */
static uint32_t seconds_now(void)
{
    return (uint32_t)(mbedtls_ms_time() / 1000);
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void write_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static psa_status_t sealing_key(psa_key_id_t secret, psa_key_id_t *key)
{
    static const uint8_t info[] = "dormouse1 tls session";
    psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_AES);
    psa_set_key_bits(&attributes, 128);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_ENCRYPT | PSA_KEY_USAGE_DECRYPT);
    psa_set_key_algorithm(&attributes, PSA_ALG_GCM);
    psa_status_t status = psa_key_derivation_setup(&operation, PSA_ALG_HKDF(PSA_ALG_SHA_256));
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_input_key(&operation, PSA_KEY_DERIVATION_INPUT_SECRET, secret);
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_input_bytes(&operation, PSA_KEY_DERIVATION_INPUT_INFO, info, sizeof info - 1);
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_output_key(&attributes, &operation, key);
    psa_key_derivation_abort(&operation);
    return status;
}

static void additional_data(const TlsLive *live, const uint8_t *head, uint8_t data[HEAD_BYTES + 32])
{
    memcpy(data, head, HEAD_BYTES);
    memcpy(data + HEAD_BYTES, live->fingerprint, 32);
}

/* Opens `saved` into a new block; NULL when it does not open. */
static uint8_t *open_saved(const TlsLive *live, const uint8_t *saved, size_t length, psa_key_id_t secret, size_t *opened)
{
    uint8_t data[HEAD_BYTES + 32];
    psa_key_id_t key = 0;
    size_t room = length - SEALED_AT - TAG_BYTES;
    uint8_t *plain = mbedtls_calloc(1, room);
    if (plain == NULL)
        return NULL;
    additional_data(live, saved, data);
    psa_status_t status = sealing_key(secret, &key);
    if (status == PSA_SUCCESS)
        status = psa_aead_decrypt(key, PSA_ALG_GCM, saved + NONCE_AT, NONCE_BYTES, data, sizeof data, saved + SEALED_AT,
                                  length - SEALED_AT, plain, room, opened);
    psa_destroy_key(key);
    if (status == PSA_SUCCESS)
        return plain;
    mbedtls_platform_zeroize(plain, room);
    mbedtls_free(plain);
    return NULL;
}

static int offer_session(TlsLive *live, const uint8_t *plain, size_t length)
{
    mbedtls_ssl_session session;
    mbedtls_ssl_session_init(&session);
    int code = mbedtls_ssl_session_load(&session, plain, length);
    if (code == 0)
        code = mbedtls_ssl_set_session(&live->ssl, &session);
#if defined(MBEDTLS_SSL_EARLY_DATA)
    if (code == 0 && (session.MBEDTLS_PRIVATE(ticket_flags) & MBEDTLS_SSL_TLS1_3_TICKET_ALLOW_EARLY_DATA))
        live->earlyMax = session.MBEDTLS_PRIVATE(max_early_data_size);
#endif
    mbedtls_ssl_session_free(&session);
    return code == 0;
}

int tls_session_resume(TlsSession *session, const uint8_t *saved, size_t length, psa_key_id_t secret, uint32_t maxAge)
{
    TlsLive *live = session->live;
    size_t hashLength, opened;
    if (session->state != TLS_CONFIGURING || live->keeping)
        return 0;
    if (psa_hash_finish(&live->settings, live->fingerprint, sizeof live->fingerprint, &hashLength) != PSA_SUCCESS)
        return 0;
    live->keeping = 1;
    tls_config_tickets(live);
    if (length <= SEALED_AT + TAG_BYTES || saved[0] != VERSION)
        return 0;
    uint32_t fullAt = read_u32(saved + 1), now = seconds_now();
    if (now < fullAt || now - fullAt > maxAge)
        return 0;
    uint32_t endsAt = read_u32(saved + 5);
    if (endsAt != 0 && (live->floor > endsAt || live->now > endsAt))
        return 0;
    uint8_t *plain = open_saved(live, saved, length, secret, &opened);
    if (plain == NULL)
        return 0;
    /* The session needs what setup allocates; nothing of the configuration changes after this. */
    live->resuming = tls_setup(live) == 0 && offer_session(live, plain, opened);
    mbedtls_platform_zeroize(plain, opened);
    mbedtls_free(plain);
    live->fullAt = fullAt;
    live->endsAt = endsAt;
    live->offeredMatched = saved[MATCHED_AT];
    return live->resuming;
}

/* The ClientHello is made: remembers the session id, which a TLS 1.2 server repeats when it resumes. */
void tls_resume_started(TlsLive *live)
{
    const mbedtls_ssl_session *offered = live->ssl.MBEDTLS_PRIVATE(session_negotiate);
    if (!live->resuming || offered == NULL || offered->MBEDTLS_PRIVATE(id_len) > sizeof live->id)
        return;
    live->idLength = (uint8_t)offered->MBEDTLS_PRIVATE(id_len);
    memcpy(live->id, offered->MBEDTLS_PRIVATE(id), live->idLength);
}

int tls_resumed(const TlsLive *live)
{
    const mbedtls_ssl_session *session = live->ssl.MBEDTLS_PRIVATE(session);
    if (!live->resuming || live->path.done || session == NULL)
        return 0;
    if (!live->preshared)
        return 1; /* no certificate came */
    return mbedtls_ssl_get_version_number(&live->ssl) == MBEDTLS_SSL_VERSION_TLS1_2 && live->idLength != 0
        && session->MBEDTLS_PRIVATE(id_len) == live->idLength
        && memcmp(session->MBEDTLS_PRIVATE(id), live->id, live->idLength) == 0;
}

/* The handshake is over: nobody looks at the server's certificate any more, and it would be saved too. */
void tls_resume_opened(TlsLive *live)
{
    if (tls_resumed(live)) {
        live->matched = live->offeredMatched;
    } else {
        live->fullAt = seconds_now();
        live->endsAt = live->path.until > 0 && live->path.until < UINT32_MAX ? (uint32_t)live->path.until : 0;
    }
#if defined(MBEDTLS_SSL_KEEP_PEER_CERTIFICATE)
    mbedtls_ssl_session *session = live->ssl.MBEDTLS_PRIVATE(session);
    if (session == NULL || session->MBEDTLS_PRIVATE(peer_cert) == NULL)
        return;
    mbedtls_x509_crt_free(session->MBEDTLS_PRIVATE(peer_cert));
    mbedtls_free(session->MBEDTLS_PRIVATE(peer_cert));
    session->MBEDTLS_PRIVATE(peer_cert) = NULL;
#endif
}

int tls_session_resumable(const TlsSession *session)
{
    const TlsLive *live = session->live;
    if ((session->state != TLS_OPEN && session->state != TLS_PEER_CLOSED) || !live->keeping)
        return 0;
    if (mbedtls_ssl_get_version_number(&live->ssl) != MBEDTLS_SSL_VERSION_TLS1_2)
        return live->ticketed;
    const mbedtls_ssl_session *agreed = live->ssl.MBEDTLS_PRIVATE(session);
    return agreed->MBEDTLS_PRIVATE(id_len) != 0 || agreed->MBEDTLS_PRIVATE(ticket_len) != 0;
}

/* What mbedTLS saves, in a new block. */
static uint8_t *plain_session(TlsLive *live, size_t most, size_t *length)
{
    mbedtls_ssl_session session;
    uint8_t *plain = NULL;
    mbedtls_ssl_session_init(&session);
    *length = 0;
    if (mbedtls_ssl_get_session(&live->ssl, &session) == 0
        && mbedtls_ssl_session_save(&session, NULL, 0, length) == MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL && *length <= most
        && (plain = mbedtls_calloc(1, *length)) != NULL
        && mbedtls_ssl_session_save(&session, plain, *length, length) != 0) {
        mbedtls_platform_zeroize(plain, *length);
        mbedtls_free(plain);
        plain = NULL;
    }
    mbedtls_ssl_session_free(&session);
    return plain;
}

static uint8_t *seal_session(TlsLive *live, psa_key_id_t secret, size_t most, size_t *length)
{
    uint8_t data[HEAD_BYTES + 32];
    psa_key_id_t key = 0;
    size_t plainLength, sealedLength = 0;
    uint8_t *plain = plain_session(live, most - SEALED_AT - TAG_BYTES, &plainLength);
    if (plain == NULL)
        return NULL;
    size_t size = SEALED_AT + plainLength + TAG_BYTES;
    uint8_t *saved = mbedtls_calloc(1, size);
    psa_status_t status = saved == NULL ? PSA_ERROR_INSUFFICIENT_MEMORY : sealing_key(secret, &key);
    if (status == PSA_SUCCESS)
        status = psa_generate_random(saved + NONCE_AT, NONCE_BYTES);
    if (status == PSA_SUCCESS) {
        saved[0] = VERSION;
        write_u32(saved + 1, live->fullAt);
        write_u32(saved + 5, live->endsAt);
        saved[MATCHED_AT] = live->matched;
        additional_data(live, saved, data);
        status = psa_aead_encrypt(key, PSA_ALG_GCM, saved + NONCE_AT, NONCE_BYTES, data, sizeof data, plain, plainLength,
                                  saved + SEALED_AT, plainLength + TAG_BYTES, &sealedLength);
    }
    psa_destroy_key(key);
    mbedtls_platform_zeroize(plain, plainLength);
    mbedtls_free(plain);
    if (status == PSA_SUCCESS) {
        *length = size;
        return saved;
    }
    mbedtls_free(saved);
    return NULL;
}

uint8_t *tls_session_save(TlsSession *session, psa_key_id_t secret, size_t most, size_t *length)
{
    if (most <= SEALED_AT + TAG_BYTES || !tls_session_resumable(session))
        return NULL;
    uint8_t *saved = seal_session(session->live, secret, most, length);
    session->live->refusals = tls_heap_refusals(); /* memory for this is no matter of the connection */
    return saved;
}

void tls_saved_free(uint8_t *saved)
{
    mbedtls_free(saved);
}
