/*
 * What mbedTLS's path validation leaves to the application: the time is the caller's (a device has no clock
 * to trust, so mbedTLS's own verdict on dates is replaced), names stand in subjectAltName only (RFC 9525 §6.3),
 * and an address is looked for among iPAddresses only.
 */
#include "tls-internal.h"

#include <string.h>

#include "mbedtls/oid.h"

/* Days from civil date to 1970-01-01, for years after 0 (proleptic Gregorian calendar). */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t monthsSinceMarch = (month + 9) % 12;
    int64_t dayOfYear = (153 * monthsSinceMarch + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + dayOfYear - 719468;
}

static int64_t seconds_of(const mbedtls_x509_time *time)
{
    return days_of(time->year, time->mon, time->day) * 86400 + time->hour * 3600 + time->min * 60 + time->sec;
}

static void check_dates(const TlsLive *live, const mbedtls_x509_crt *certificate, uint32_t *flags)
{
    *flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
    if (live->validAt > seconds_of(&certificate->valid_to))
        *flags |= MBEDTLS_X509_BADCERT_EXPIRED;
    if (live->validAt < seconds_of(&certificate->valid_from))
        *flags |= MBEDTLS_X509_BADCERT_FUTURE;
}

static int has_address(const TlsLive *live, const mbedtls_x509_crt *certificate)
{
    if (!mbedtls_x509_crt_has_ext_type(certificate, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME))
        return 0;
    for (const mbedtls_x509_sequence *name = &certificate->subject_alt_names; name != NULL; name = name->next)
        if ((name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_IP_ADDRESS
            && name->buf.len == live->addressLength
            && memcmp(name->buf.p, live->address, live->addressLength) == 0)
            return 1;
    return 0;
}

static void check_name(const TlsLive *live, const mbedtls_x509_crt *certificate, uint32_t *flags)
{
    if (live->addressLength != 0) {
        if (!has_address(live, certificate))
            *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    /* mbedTLS has compared the name already, but falls back to the subject's common name. */
    else if (!mbedtls_x509_crt_has_ext_type(certificate, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME))
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
}

int tls_verify_certificate(void *data, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    TlsLive *live = data;
    check_dates(live, certificate, flags);
    if (depth == 0) {
        check_name(live, certificate, flags);
        live->notBefore = seconds_of(&certificate->valid_from);
        live->notAfter = seconds_of(&certificate->valid_to);
        if (mbedtls_x509_dn_gets(live->peer, sizeof live->peer, &certificate->subject) < 0)
            strcpy(live->peer, "…");
    }
    return 0;
}
