/*
 * A certificate revocation list that somebody hands in: whether it is a CA's that is trusted, and which number it has. What
 * mbedTLS does with a list in a handshake is to pass over one that is not; here that is told.
 */
#include "tls-session.h"

#include <string.h>

#include "mbedtls/asn1.h"
#include "mbedtls/md.h"
#include "mbedtls/pk.h"
#include "mbedtls/version.h"
#include "mbedtls/x509_crl.h"
#include "mbedtls/x509_crt.h"

#if defined(MBEDTLS_X509_CRL_PARSE_C)

/* Beyond this a number of JavaScript is not exact. */
enum { MAX_NUMBER_BITS = 53 };

static int is_signed(mbedtls_x509_crl *list, mbedtls_x509_crt *ca)
{
    unsigned char hash[MBEDTLS_MD_MAX_SIZE];
    mbedtls_md_type_t md = list->MBEDTLS_PRIVATE(sig_md);
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(md);
    if (md != MBEDTLS_MD_SHA256 && md != MBEDTLS_MD_SHA384 && md != MBEDTLS_MD_SHA512)
        return 0;
    if (info == NULL || mbedtls_md(info, list->tbs.p, list->tbs.len, hash) != 0)
        return 0;
#if MBEDTLS_VERSION_MAJOR >= 4
    return mbedtls_pk_verify_ext((mbedtls_pk_sigalg_t)list->MBEDTLS_PRIVATE(sig_pk), &ca->pk, md, hash,
                                 mbedtls_md_get_size(info), list->MBEDTLS_PRIVATE(sig).p, list->MBEDTLS_PRIVATE(sig).len)
        == 0;
#else
    return mbedtls_pk_verify_ext(list->MBEDTLS_PRIVATE(sig_pk), list->MBEDTLS_PRIVATE(sig_opts), &ca->pk, md, hash,
                                 mbedtls_md_get_size(info), list->MBEDTLS_PRIVATE(sig).p, list->MBEDTLS_PRIVATE(sig).len)
        == 0;
#endif
}

/* Whether `issuer` is a CA below one that is trusted. Its dates are not looked at: the clock may be wrong, and a list only takes away. */
static int is_below(mbedtls_x509_crt *issuer, mbedtls_x509_crt *ca)
{
    uint32_t flags = 0;
    (void)mbedtls_x509_crt_verify(issuer, ca, NULL, NULL, &flags, NULL, NULL);
    return (flags & ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) == 0
        && mbedtls_x509_crt_get_ca_istrue(issuer) == 1;
}

/* A CA of that very name, with the right to sign lists. */
static int is_of(mbedtls_x509_crl *list, mbedtls_x509_crt *ca)
{
    for (; ca != NULL; ca = ca->next)
        if (ca->subject_raw.len == list->issuer_raw.len
            && memcmp(ca->subject_raw.p, list->issuer_raw.p, ca->subject_raw.len) == 0
            && mbedtls_x509_crt_check_key_usage(ca, MBEDTLS_X509_KU_CRL_SIGN) == 0 && is_signed(list, ca))
            return 1;
    return 0;
}

/* An INTEGER that is not negative. */
static int read_number(unsigned char *at, const unsigned char *end, double *number)
{
    size_t length;
    if (mbedtls_asn1_get_tag(&at, end, &length, MBEDTLS_ASN1_INTEGER) != 0 || at + length != end || length == 0
        || (*at & 0x80))
        return 0;
    uint64_t value = 0;
    for (; at < end; at++) {
        if (value >> (MAX_NUMBER_BITS - 8))
            return 0;
        value = value << 8 | *at;
    }
    *number = (double)value;
    return 1;
}

/* RFC 5280 §5.2.3. Returns 0 when the extensions cannot be read; mbedTLS has refused critical ones it does not know. */
static int find_number(const mbedtls_x509_crl *list, double *number)
{
    static const unsigned char crlNumber[] = { 0x55, 0x1d, 0x14 };
    unsigned char *at = list->crl_ext.p;
    const unsigned char *end = at + list->crl_ext.len;
    size_t length;
    *number = -1;
    if (at == NULL)
        return 1;
    if (mbedtls_asn1_get_tag(&at, end, &length, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0)
        return 0;
    while (at < end) {
        int critical = 0;
        if (mbedtls_asn1_get_tag(&at, end, &length, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0)
            return 0;
        unsigned char *next = at + length;
        if (mbedtls_asn1_get_tag(&at, next, &length, MBEDTLS_ASN1_OID) != 0)
            return 0;
        int found = length == sizeof crlNumber && memcmp(at, crlNumber, length) == 0;
        at += length;
        (void)mbedtls_asn1_get_bool(&at, next, &critical);
        if (mbedtls_asn1_get_tag(&at, next, &length, MBEDTLS_ASN1_OCTET_STRING) != 0)
            return 0;
        if (found && !read_number(at, at + length, number))
            return 0;
        at = next;
    }
    return 1;
}

int tls_crl_number(const uint8_t *bytes, size_t length, double *number)
{
    mbedtls_x509_crl list;
    mbedtls_x509_crl_init(&list);
    int good = psa_crypto_init() == PSA_SUCCESS && mbedtls_x509_crl_parse_der(&list, bytes, length) == 0
        && list.raw.len == length && find_number(&list, number);
    mbedtls_x509_crl_free(&list);
    return good;
}

int tls_crl_is_of(const uint8_t *bytes, size_t length, const uint8_t *caBytes, size_t caLength,
                  const uint8_t *issuerBytes, size_t issuerLength)
{
    mbedtls_x509_crl list;
    mbedtls_x509_crt ca, issuer;
    mbedtls_x509_crl_init(&list);
    mbedtls_x509_crt_init(&ca);
    mbedtls_x509_crt_init(&issuer);
    int good = psa_crypto_init() == PSA_SUCCESS && mbedtls_x509_crl_parse_der(&list, bytes, length) == 0
        && list.raw.len == length && mbedtls_x509_crt_parse(&ca, caBytes, caLength) == 0;
    if (good && issuerBytes == NULL)
        good = is_of(&list, &ca);
    else if (good)
        good = mbedtls_x509_crt_parse_der(&issuer, issuerBytes, issuerLength) == 0 && is_below(&issuer, &ca)
            && is_of(&list, &issuer);
    mbedtls_x509_crt_free(&issuer);
    mbedtls_x509_crt_free(&ca);
    mbedtls_x509_crl_free(&list);
    return good;
}

#else

int tls_crl_number(const uint8_t *bytes, size_t length, double *number)
{
    (void)bytes, (void)length, (void)number;
    return 0;
}

int tls_crl_is_of(const uint8_t *bytes, size_t length, const uint8_t *caBytes, size_t caLength,
                  const uint8_t *issuerBytes, size_t issuerLength)
{
    (void)bytes, (void)length, (void)caBytes, (void)caLength, (void)issuerBytes, (void)issuerLength;
    return 0;
}

#endif
