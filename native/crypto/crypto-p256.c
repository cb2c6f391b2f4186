/* P-256 in the crypto module: ES256 (RFC 9053 §2.1) and ECDH. Where PSA has no such curve, no key can be made. */
#include "xsmc.h"

#include "crypto-internal.h"

#include "mbedtls/platform_util.h"
#include "psa/crypto.h"

enum {
    NUMBER_BYTES = 32,
    POINT_BYTES = 1 + 2 * NUMBER_BYTES, /* 04, x, y (SEC 1 §2.3.3) */
    SIGNATURE_BYTES = 2 * NUMBER_BYTES  /* r, then s */
};

static psa_key_attributes_t attributes_of(psa_key_type_t type, psa_key_usage_t usage, psa_algorithm_t algorithm)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, type);
    psa_set_key_bits(&attributes, PSA_BYTES_TO_BITS(NUMBER_BYTES));
    psa_set_key_usage_flags(&attributes, usage);
    psa_set_key_algorithm(&attributes, algorithm);
    return attributes;
}

/* @param what says what an invalid argument was to be */
static void check_key(xsMachine *the, psa_status_t status, const char *what)
{
    if (status == PSA_ERROR_INVALID_ARGUMENT)
        xsRangeError("%s", what);
    if (status == PSA_ERROR_NOT_SUPPORTED)
        xsRangeError("this firmware has no P-256");
    crypto_check(the, status);
}

/* PSA sees whether the number lies between 0 and the curve's order. */
static void import_private(xsMachine *the, const psa_key_attributes_t *attributes)
{
    void *bytes;
    xsUnsignedValue length;
    psa_key_id_t key = 0;

    xsmcGetBufferReadable(xsArg(0), &bytes, &length);
    psa_status_t status = crypto_import(the, attributes, bytes, length, &key);
    check_key(the, status, "not a P-256 private key");
    crypto_hold(the, key);
}

/* The bytes of an uncompressed point: PSA sees whether it is on the curve, but reads other forms too. */
static void point_in(xsMachine *the, xsSlot *slot, void **bytes)
{
    xsUnsignedValue length;
    xsmcGetBufferReadable(*slot, bytes, &length);
    if (length != POINT_BYTES || *(uint8_t *)*bytes != 4)
        xsRangeError("not an uncompressed P-256 point");
}

void crypto_native_signing_key(xsMachine *the)
{
    crypto_need_arguments(the, 1);
    psa_key_attributes_t attributes =
        attributes_of(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), PSA_KEY_USAGE_SIGN_MESSAGE,
                      PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256));
    import_private(the, &attributes);
}

void crypto_native_sign(xsMachine *the)
{
    void *data;
    xsUnsignedValue length;
    size_t signatureLength = 0;

    crypto_need_arguments(the, 1);
    psa_key_id_t key = crypto_key(the, &xsThis);
    void *signature = xsmcSetArrayBuffer(xsResult, NULL, SIGNATURE_BYTES);
    xsmcGetBufferReadable(xsArg(0), &data, &length);
    psa_status_t status = psa_sign_message(key, PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256), data, length, signature,
                                           SIGNATURE_BYTES, &signatureLength);
    crypto_wipe_stack();
    crypto_check(the, status);
}

void crypto_native_verifying_key(xsMachine *the)
{
    void *point;
    psa_key_id_t key = 0;

    crypto_need_arguments(the, 1);
    psa_key_attributes_t attributes = attributes_of(PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1),
                                                    PSA_KEY_USAGE_VERIFY_MESSAGE, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
    point_in(the, &xsArg(0), &point);
    check_key(the, psa_import_key(&attributes, point, POINT_BYTES, &key), "not a point of P-256");
    crypto_hold(the, key);
}

void crypto_native_verify(xsMachine *the)
{
    void *data, *signature;
    xsUnsignedValue length, signatureLength;

    crypto_need_arguments(the, 2);
    psa_key_id_t key = crypto_key(the, &xsThis);
    xsmcGetBufferReadable(xsArg(0), &data, &length);
    xsmcGetBufferReadable(xsArg(1), &signature, &signatureLength);
    psa_status_t status = PSA_ERROR_INVALID_SIGNATURE;
    if (signatureLength == SIGNATURE_BYTES)
        status = psa_verify_message(key, PSA_ALG_ECDSA(PSA_ALG_SHA_256), data, length, signature, SIGNATURE_BYTES);
    if (status != PSA_ERROR_INVALID_SIGNATURE)
        crypto_check(the, status);
    xsmcSetBoolean(xsResult, status == PSA_SUCCESS);
}

/* new AgreementKey() makes one, new AgreementKey(bytes) imports it */
void crypto_native_agreement_key(xsMachine *the)
{
    psa_key_id_t key = 0;

    crypto_need_arguments(the, 0);
    psa_key_attributes_t attributes =
        attributes_of(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), PSA_KEY_USAGE_DERIVE, PSA_ALG_ECDH);
    if (xsmcArgc > 0) {
        import_private(the, &attributes);
        return;
    }
    check_key(the, psa_generate_key(&attributes, &key), "not a P-256 private key");
    crypto_hold(the, key);
}

void crypto_native_agreement_point(xsMachine *the)
{
    size_t length = 0;

    crypto_need_arguments(the, 0);
    psa_key_id_t key = crypto_key(the, &xsThis);
    void *point = xsmcSetArrayBuffer(xsResult, NULL, POINT_BYTES);
    psa_status_t status = psa_export_public_key(key, point, POINT_BYTES, &length);
    crypto_wipe_stack();
    crypto_check(the, status);
}

void crypto_agree(xsMachine *the)
{
    void *point;
    uint8_t shared[NUMBER_BYTES];
    size_t length = 0;
    psa_key_id_t secret = 0;
    psa_key_attributes_t attributes = crypto_secret_attributes();

    psa_key_id_t key = crypto_key(the, &xsArg(0));
    point_in(the, &xsArg(1), &point);
    psa_status_t status = psa_raw_key_agreement(PSA_ALG_ECDH, key, point, POINT_BYTES, shared, sizeof shared, &length);
    crypto_wipe_stack();
    if (status == PSA_SUCCESS)
        status = psa_import_key(&attributes, shared, length, &secret);
    mbedtls_platform_zeroize(shared, sizeof shared);
    check_key(the, status, "not a point of P-256");
    crypto_hold(the, secret);
}
