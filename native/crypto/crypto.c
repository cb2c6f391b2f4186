/*
 * The crypto module over PSA (crypto.js). An object's host data is its PSA key identifier, 0 once closed.
 * Buffers of the machine are only touched between two calls into XS, because the collector moves them.
 */
#include "xsmc.h"

#include "crypto-reset.h"
#include "crypto-secret.h"

#include <string.h>

#include "mbedtls/build_info.h"
#include "mbedtls/platform_util.h"
#include "psa/crypto.h"

enum {
    HASH_BYTES = 32,
    P256_BYTES = 32,
    SIGNATURE_BYTES = 2 * P256_BYTES, /* r, then s */
    MAX_DERIVED = 255 * HASH_BYTES, /* RFC 5869 §2.3 */
    MAX_RANDOM = 65536
};

void crypto_reset(void)
{
    mbedtls_psa_crypto_free();
}

void crypto_native_destructor(void *data)
{
    if (data != NULL)
        psa_destroy_key((psa_key_id_t)(uintptr_t)data);
}

static psa_key_id_t key_in(xsMachine *the, xsSlot *slot)
{
    void *data = xsmcGetHostDataValidate(*slot, (void *)crypto_native_destructor);
    if (data == NULL)
        xsTypeError("the key is closed");
    return (psa_key_id_t)(uintptr_t)data;
}

psa_key_id_t crypto_secret(xsMachine *the, xsSlot *slot)
{
    return key_in(the, slot);
}

static void check(xsMachine *the, psa_status_t status)
{
    if (status == PSA_ERROR_INSUFFICIENT_MEMORY)
        xsUnknownError("no memory for cryptography");
    else if (status != PSA_SUCCESS)
        xsUnknownError("PSA error %d", (int)status);
}

static void need_arguments(xsMachine *the, int count)
{
    if (xsmcArgc < count)
        xsTypeError("%d arguments are needed", count);
    check(the, psa_crypto_init()); /* does nothing the second time */
}

static size_t count_in(xsMachine *the, xsSlot *slot, int smallest, int largest)
{
    xsNumberValue count = xsmcToNumber(*slot);
    if (!(count >= smallest && count <= largest))
        xsRangeError("not a byte count from %d to %d", smallest, largest);
    return (size_t)count;
}

static void hold(xsMachine *the, psa_key_id_t key)
{
    xsmcSetHostData(xsThis, (void *)(uintptr_t)key);
}

static void close_key(xsMachine *the)
{
    void *data = xsmcGetHostDataValidate(xsThis, (void *)crypto_native_destructor);
    xsmcSetHostData(xsThis, NULL);
    crypto_native_destructor(data);
}

void crypto_native_secret_close(xsMachine *the) { close_key(the); }
void crypto_native_mac_key_close(xsMachine *the) { close_key(the); }
void crypto_native_signing_key_close(xsMachine *the) { close_key(the); }

void crypto_native_secret(xsMachine *the)
{
    void *bytes;
    xsUnsignedValue length;
    psa_key_id_t key = 0;
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;

    need_arguments(the, 1);
    xsmcGetBufferReadable(xsArg(0), &bytes, &length);
    if (length == 0)
        xsRangeError("a secret of no bytes");
    psa_set_key_type(&attributes, PSA_KEY_TYPE_DERIVE);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE);
    psa_set_key_algorithm(&attributes, PSA_ALG_HKDF(PSA_ALG_SHA_256));
    check(the, psa_import_key(&attributes, bytes, length, &key));
    hold(the, key);
}

/* HKDF up to the point where the output is asked for. The salt is absent, which PSA takes as empty. */
static psa_status_t derive(psa_key_derivation_operation_t *operation, psa_key_id_t secret,
                           const uint8_t *info, size_t infoLength)
{
    psa_status_t status = psa_key_derivation_setup(operation, PSA_ALG_HKDF(PSA_ALG_SHA_256));
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_input_key(operation, PSA_KEY_DERIVATION_INPUT_SECRET, secret);
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_input_bytes(operation, PSA_KEY_DERIVATION_INPUT_INFO, info, infoLength);
    return status;
}

static psa_key_attributes_t mac_attributes(size_t byteLength)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_HMAC);
    psa_set_key_bits(&attributes, PSA_BYTES_TO_BITS(byteLength));
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_MESSAGE);
    psa_set_key_algorithm(&attributes, PSA_ALG_HMAC(PSA_ALG_SHA_256));
    return attributes;
}

static void import_mac_key(xsMachine *the)
{
    void *bytes;
    xsUnsignedValue length;
    psa_key_id_t key = 0;

    xsmcGetBufferReadable(xsArg(0), &bytes, &length);
    if (length == 0 || length > MAX_DERIVED)
        xsRangeError("a MAC key has 1 to %d bytes", MAX_DERIVED);
    psa_key_attributes_t attributes = mac_attributes(length);
    check(the, psa_import_key(&attributes, bytes, length, &key));
    hold(the, key);
}

void crypto_native_mac_key(xsMachine *the)
{
    void *info;
    xsUnsignedValue infoLength;
    psa_key_id_t key = 0;
    psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;

    need_arguments(the, 1);
    if (xsmcArgc == 1) {
        import_mac_key(the);
        return;
    }
    need_arguments(the, 3);
    psa_key_id_t secret = key_in(the, &xsArg(0));
    size_t byteLength = count_in(the, &xsArg(2), 1, MAX_DERIVED);
    psa_key_attributes_t attributes = mac_attributes(byteLength);
    xsmcGetBufferReadable(xsArg(1), &info, &infoLength);
    psa_status_t status = derive(&operation, secret, info, infoLength);
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_output_key(&attributes, &operation, &key);
    psa_key_derivation_abort(&operation);
    check(the, status);
    hold(the, key);
}

void crypto_native_derive_bytes(xsMachine *the)
{
    void *info;
    xsUnsignedValue infoLength;
    psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;

    need_arguments(the, 2);
    psa_key_id_t secret = key_in(the, &xsThis);
    size_t byteLength = count_in(the, &xsArg(1), 1, MAX_DERIVED);
    void *output = xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)byteLength);
    xsmcGetBufferReadable(xsArg(0), &info, &infoLength);
    psa_status_t status = derive(&operation, secret, info, infoLength);
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_output_bytes(&operation, output, byteLength);
    psa_key_derivation_abort(&operation);
    check(the, status);
}

void crypto_native_hmac(xsMachine *the)
{
    void *data;
    xsUnsignedValue length;
    size_t macLength = 0;

    need_arguments(the, 1);
    psa_key_id_t key = key_in(the, &xsThis);
    void *mac = xsmcSetArrayBuffer(xsResult, NULL, HASH_BYTES);
    xsmcGetBufferReadable(xsArg(0), &data, &length);
    check(the, psa_mac_compute(key, PSA_ALG_HMAC(PSA_ALG_SHA_256), data, length, mac, HASH_BYTES, &macLength));
}

/* PSA sees whether the number lies between 0 and the curve's order. */
void crypto_native_signing_key(xsMachine *the)
{
    void *bytes;
    xsUnsignedValue length;
    psa_key_id_t key = 0;
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;

    need_arguments(the, 1);
    xsmcGetBufferReadable(xsArg(0), &bytes, &length);
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&attributes, PSA_BYTES_TO_BITS(P256_BYTES));
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_MESSAGE);
    psa_set_key_algorithm(&attributes, PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256));
    psa_status_t status = psa_import_key(&attributes, bytes, length, &key);
    if (status == PSA_ERROR_INVALID_ARGUMENT)
        xsRangeError("not a P-256 private key");
    if (status == PSA_ERROR_NOT_SUPPORTED)
        xsRangeError("this firmware has no P-256");
    check(the, status);
    hold(the, key);
}

/*
 * mbedtls_ecdsa_sign_det_restartable (mbedTLS 3.6 and 4) leaves the private key on the stack, where it put it for
 * RFC 6979, 600 bytes below. Signing itself goes 2,600 bytes deep.
 */
static __attribute__((noinline)) void wipe_stack(void)
{
    uint8_t below[1536];
    mbedtls_platform_zeroize(below, sizeof below);
}

void crypto_native_sign(xsMachine *the)
{
    void *data;
    xsUnsignedValue length;
    size_t signatureLength = 0;

    need_arguments(the, 1);
    psa_key_id_t key = key_in(the, &xsThis);
    void *signature = xsmcSetArrayBuffer(xsResult, NULL, SIGNATURE_BYTES);
    xsmcGetBufferReadable(xsArg(0), &data, &length);
    psa_status_t status = psa_sign_message(key, PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256), data, length, signature,
                                           SIGNATURE_BYTES, &signatureLength);
    wipe_stack();
    check(the, status);
}

void crypto_native_random(xsMachine *the)
{
    need_arguments(the, 1);
    size_t byteLength = count_in(the, &xsArg(0), 0, MAX_RANDOM);
    void *bytes = xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)byteLength);
    if (byteLength != 0)
        check(the, psa_generate_random(bytes, byteLength));
}

void crypto_native_sha256(xsMachine *the)
{
    void *data;
    xsUnsignedValue length;
    size_t hashLength = 0;

    need_arguments(the, 1);
    void *hash = xsmcSetArrayBuffer(xsResult, NULL, HASH_BYTES);
    xsmcGetBufferReadable(xsArg(0), &data, &length);
    check(the, psa_hash_compute(PSA_ALG_SHA_256, data, length, hash, HASH_BYTES, &hashLength));
}
