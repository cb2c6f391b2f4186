/*
 * What mbedTLS's path validation leaves to the application. mbedTLS has checked signatures, CA flags, usages, key
 * sizes and the CRL; it calls this for each certificate of the path it found, from the top down to the leaf.
 *
 * - Time is the caller's: a device has no clock to trust, so mbedTLS's own verdict on dates is replaced. What is
 *   over at the floor is over; beyond that dates are judged when the time is known.
 * - Names stand in subjectAltName only (RFC 9525 §6.3), an address among iPAddresses only.
 * - A CRL takes certificates away and does nothing else: its own age refuses none, because a device gets its next
 *   CRL through the very broker that it would refuse.
 * - Pins. With CAs, a pin must match some key of the path besides all the rest. Without, the pinned key is the
 *   trust: the leaf's own, which needs no path and no name, or that of a CA above it, whose own faults and
 *   whatever lies above do not matter (RFC 5280 §6.1: a trust anchor is a name and a key); the name is checked.
 */
#include "tls-internal.h"

#include <stdio.h>
#include <string.h>

#include "mbedtls/base64.h"
#include "mbedtls/oid.h"

#define DATE_FLAGS (uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)
#define CRL_DATE_FLAGS (uint32_t)(MBEDTLS_X509_BADCRL_EXPIRED | MBEDTLS_X509_BADCRL_FUTURE)

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

static void see_date(TlsPath *path, const char *what, const mbedtls_x509_time *time)
{
    snprintf(path->seen, sizeof path->seen, "%s %04d-%02d-%02d", what, time->year, time->mon, time->day);
}

static void check_dates(TlsLive *live, const mbedtls_x509_crt *certificate, uint32_t *flags)
{
    int64_t from = seconds_of(&certificate->valid_from);
    int64_t to = seconds_of(&certificate->valid_to);
    *flags &= ~(DATE_FLAGS | CRL_DATE_FLAGS);
    if (live->floor > to)
        *flags |= MBEDTLS_X509_BADCERT_EXPIRED | TLS_FLAG_CERTAIN;
    if (live->now == 0)
        ;
    else if (live->now > to)
        *flags |= MBEDTLS_X509_BADCERT_EXPIRED;
    else if (live->now < from)
        *flags |= MBEDTLS_X509_BADCERT_FUTURE;
    if (*flags & MBEDTLS_X509_BADCERT_EXPIRED)
        see_date(&live->path, "until", &certificate->valid_to);
    else if (*flags & MBEDTLS_X509_BADCERT_FUTURE)
        see_date(&live->path, "from", &certificate->valid_from);
}

/* A CA between the anchor and the leaf that is for other uses, such as a PKI's for devices, vouches for no server. */
static void check_use(TlsPath *path, const mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    int anchors = !path->begun;
    path->begun = 1;
    if (anchors || depth == 0)
        return;
    if (mbedtls_x509_crt_check_extended_key_usage(certificate, MBEDTLS_OID_SERVER_AUTH,
                                                  MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH))
        != 0)
        *flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
}

/* Adds a name that a stranger wrote to what is seen: printable ASCII, and cut. */
static void see_name(TlsPath *path, const uint8_t *bytes, size_t length)
{
    size_t at = strlen(path->seen);
    if (at != 0 && at + 2 < sizeof path->seen) {
        path->seen[at++] = ',';
        path->seen[at++] = ' ';
    }
    for (size_t i = 0; i < length && at + 1 < sizeof path->seen; i++)
        path->seen[at++] = bytes[i] > 0x20 && bytes[i] < 0x7f && bytes[i] != '"' && bytes[i] != '\\' ? (char)bytes[i] : '?';
    path->seen[at] = 0;
}

static void see_address(TlsPath *path, const uint8_t *bytes, size_t length)
{
    char text[48];
    size_t at = 0;
    for (size_t i = 0; i < length && i < 16; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, length == 4 ? (i ? ".%u" : "%u") : (i && i % 2 == 0 ? ":%02x" : "%02x"),
                               bytes[i]);
    see_name(path, (const uint8_t *)text, at);
}

static void see_names(TlsPath *path, const mbedtls_x509_crt *certificate)
{
    path->seen[0] = 0;
    if (!mbedtls_x509_crt_has_ext_type(certificate, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME))
        return;
    for (const mbedtls_x509_sequence *name = &certificate->subject_alt_names; name != NULL; name = name->next) {
        int type = name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
        if (type == MBEDTLS_X509_SAN_DNS_NAME)
            see_name(path, name->buf.p, name->buf.len);
        else if (type == MBEDTLS_X509_SAN_IP_ADDRESS)
            see_address(path, name->buf.p, name->buf.len);
    }
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

static int is_same(const char *name, const uint8_t *bytes, size_t length)
{
    if (strlen(name) != length)
        return 0;
    for (size_t i = 0; i < length; i++) {
        int differ = name[i] ^ bytes[i];
        if (differ != 0 && (differ != 0x20 || (name[i] | 0x20) < 'a' || (name[i] | 0x20) > 'z'))
            return 0;
    }
    return 1;
}

/* RFC 9525 §6.3: a wildcard stands for the whole first label and nothing else. */
static int is_name(const char *name, const uint8_t *bytes, size_t length)
{
    const char *rest = strchr(name, '.');
    if (length > 2 && bytes[0] == '*' && bytes[1] == '.')
        return rest != NULL && rest != name && is_same(rest, bytes + 1, length - 1);
    return is_same(name, bytes, length);
}

static int has_name(const TlsLive *live, const mbedtls_x509_crt *certificate)
{
    if (!mbedtls_x509_crt_has_ext_type(certificate, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME))
        return 0;
    for (const mbedtls_x509_sequence *name = &certificate->subject_alt_names; name != NULL; name = name->next)
        if ((name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_DNS_NAME
            && is_name(live->name, name->buf.p, name->buf.len))
            return 1;
    return 0;
}

static void check_name(TlsLive *live, const mbedtls_x509_crt *certificate, uint32_t *flags)
{
    /* mbedTLS has compared the name already, but also with URIs, and falls back to the subject's common name. */
    int found = live->addressLength != 0 ? has_address(live, certificate) : has_name(live, certificate);
    if (!found)
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    if (*flags & MBEDTLS_X509_BADCERT_CN_MISMATCH)
        see_names(&live->path, certificate);
}

static int digest_of(const mbedtls_x509_crt *certificate, uint8_t digest[TLS_PIN_BYTES])
{
    size_t length;
    return psa_hash_compute(PSA_ALG_SHA_256, certificate->pk_raw.p, certificate->pk_raw.len, digest, TLS_PIN_BYTES,
                            &length)
        == PSA_SUCCESS;
}

/* The bit of the pin that this is; 0 when it is none. */
static uint8_t pin_of(const TlsLive *live, const uint8_t digest[TLS_PIN_BYTES])
{
    for (size_t i = 0; i < live->pinCount; i++)
        if (memcmp(live->pins[i], digest, TLS_PIN_BYTES) == 0)
            return (uint8_t)(1 << i);
    return 0;
}

static void see_pin(TlsPath *path, const uint8_t digest[TLS_PIN_BYTES])
{
    static const char prefix[] = "sha256/";
    size_t length;
    memcpy(path->seen, prefix, sizeof prefix);
    (void)mbedtls_base64_encode((unsigned char *)path->seen + sizeof prefix - 1, sizeof path->seen - sizeof prefix,
                                &length, digest, TLS_PIN_BYTES);
}

/*
 * Without CAs, above the leaf: what a pinned key anchors. Nothing counts that lies above it, of its own certificate
 * only the dates; and the leaf may yet be pinned itself, so the verdict waits for it.
 */
static void anchor(TlsPath *path, int pinned, uint32_t *flags)
{
    if (pinned)
        path->held = *flags & (DATE_FLAGS | TLS_FLAG_CERTAIN);
    else if (path->pinned)
        path->held |= *flags;
    if (pinned || !path->pinned)
        path->until = path->own;
    path->pinned |= (uint8_t)pinned;
    *flags = 0;
}

/* Without CAs, the leaf: its own key, or a path from an anchor. */
static void judge_leaf(TlsPath *path, int pinned, uint32_t *flags)
{
    if (pinned) {
        *flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_NOT_TRUSTED | MBEDTLS_X509_BADCERT_CN_MISMATCH);
        path->until = path->own;
    } else
        *flags = path->pinned ? *flags | path->held : 0;
}

static int check_pins(TlsLive *live, const mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    TlsPath *path = &live->path;
    uint8_t digest[TLS_PIN_BYTES];
    int byKeyAlone = live->trusted.raw.p == NULL;
    if (!digest_of(certificate, digest))
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    uint8_t pin = pin_of(live, digest);
    int pinned = pin != 0;
    live->matched |= pin;
    if (depth == 0 && pinned)
        path->timeless = 1;
    if (byKeyAlone && depth != 0)
        anchor(path, pinned, flags);
    else if (byKeyAlone)
        judge_leaf(path, pinned, flags);
    path->pinned |= (uint8_t)pinned;
    if (depth != 0 || path->pinned)
        return 0;
    if ((path->faults | *flags) == 0)
        see_pin(path, digest);
    *flags |= MBEDTLS_X509_BADCERT_OTHER;
    return 0;
}

int tls_verify_certificate(void *data, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    TlsLive *live = data;
    TlsPath *path = &live->path;
    check_dates(live, certificate, flags);
    check_use(path, certificate, depth, flags);
    path->own = seconds_of(&certificate->valid_to);
    if (path->until == 0 || path->own < path->until)
        path->until = path->own;
    if (depth == 0)
        check_name(live, certificate, flags);
    if (live->pinCount != 0) {
        int code = check_pins(live, certificate, depth, flags);
        if (code != 0)
            return code;
    }
    path->faults |= *flags;
    if (depth != 0)
        return 0;
    /* A CA vouches for as long as its certificate says: without the time nobody knows whether that is over. */
    if (live->strict && !path->timeless)
        *flags |= TLS_FLAG_NO_TIME;
    path->done = 1;
    /* Of a leaf that only its own key vouches for, the dates prove nothing. */
    if (!(path->timeless && live->trusted.raw.p == NULL))
        path->notBefore = seconds_of(&certificate->valid_from);
    path->notAfter = seconds_of(&certificate->valid_to);
    if (mbedtls_x509_dn_gets(path->peer, sizeof path->peer, &certificate->subject) < 0)
        strcpy(path->peer, "(too long)");
    return 0;
}
