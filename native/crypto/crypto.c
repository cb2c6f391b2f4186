/*
 * The crypto module over PSA (crypto.js): its keys, HKDF, HMAC, SHA-256. An object's host data is its PSA key
 * identifier, 0 once closed. Buffers of the machine are only touched between two calls into XS that may allocate,
 * because the collector moves them.
 */
#include "xsmc.h"

#include "crypto-internal.h"
#include "crypto-reset.h"
#include "crypto-scrub.h"
#include "crypto-secret.h"

#include "mbedtls/build_info.h"
#include "mbedtls/platform_util.h"
#include "psa/crypto.h"

enum {
    HASH_BYTES = 32,
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

psa_key_id_t crypto_key(xsMachine *the, xsSlot *slot)
{
    void *data = xsmcGetHostDataValidate(*slot, (void *)crypto_native_destructor);
    if (data == NULL)
        xsTypeError("the key is closed");
    return (psa_key_id_t)(uintptr_t)data;
}

psa_key_id_t crypto_secret(xsMachine *the, xsSlot *slot)
{
    return crypto_key(the, slot);
}

void crypto_check(xsMachine *the, psa_status_t status)
{
    if (status == PSA_ERROR_INSUFFICIENT_MEMORY)
        xsUnknownError("no memory for cryptography");
    else if (status != PSA_SUCCESS)
        xsUnknownError("PSA error %d", (int)status);
}

void crypto_need_arguments(xsMachine *the, int count)
{
    if (xsmcArgc < count)
        xsTypeError("%d arguments are needed", count);
    crypto_check(the, psa_crypto_init()); /* does nothing the second time */
}

static size_t count_in(xsMachine *the, xsSlot *slot, int smallest, int largest)
{
    xsNumberValue count = xsmcToNumber(*slot);
    if (!(count >= smallest && count <= largest))
        xsRangeError("not a byte count from %d to %d", smallest, largest);
    return (size_t)count;
}

void crypto_hold(xsMachine *the, psa_key_id_t key)
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
void crypto_native_aead_key_close(xsMachine *the) { close_key(the); }
void crypto_native_signing_key_close(xsMachine *the) { close_key(the); }
void crypto_native_verifying_key_close(xsMachine *the) { close_key(the); }
void crypto_native_agreement_key_close(xsMachine *the) { close_key(the); }

/*
 * P-256 leaves keys on the stack (mbedTLS 3.6 and 4), up to 900 bytes below: mbedtls_ecdsa_sign_det_restartable the
 * private key, which it put there for RFC 6979, and ecp_mul_comb_after_precomp the digits of the number by which it
 * multiplied. Either goes deeper than is wiped here: signing 2,600 bytes.
 */
__attribute__((noinline)) void crypto_wipe_stack(void)
{
    uint8_t below[1536];
    mbedtls_platform_zeroize(below, sizeof below);
}

psa_status_t crypto_import(xsMachine *the, const psa_key_attributes_t *attributes, const void *bytes, size_t length,
                           psa_key_id_t *key)
{
    psa_status_t status = psa_import_key(attributes, bytes, length, key);
    crypto_scrub((struct sxMachine *)the);
    return status;
}

psa_key_attributes_t crypto_secret_attributes(void)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_DERIVE);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE);
    psa_set_key_algorithm(&attributes, PSA_ALG_HKDF(PSA_ALG_SHA_256));
    return attributes;
}

void crypto_native_secret(xsMachine *the)
{
    void *bytes;
    xsUnsignedValue length;
    psa_key_id_t key = 0;
    psa_key_attributes_t attributes = crypto_secret_attributes();

    crypto_need_arguments(the, 1);
    if (xsmcArgc > 1) {
        crypto_agree(the);
        return;
    }
    xsmcGetBufferReadable(xsArg(0), &bytes, &length);
    if (length == 0)
        xsRangeError("a secret of no bytes");
    crypto_check(the, crypto_import(the, &attributes, bytes, length, &key));
    crypto_hold(the, key);
}

psa_status_t crypto_derive(xsMachine *the, psa_key_derivation_operation_t *operation, psa_key_id_t secret, int infoAt,
                           int saltAt)
{
    void *info, *salt = NULL;
    xsUnsignedValue infoLength, saltLength = 0;

    xsmcGetBufferReadable(xsArg(infoAt), &info, &infoLength);
    if (xsmcArgc > saltAt && xsmcTypeOf(xsArg(saltAt)) != xsUndefinedType)
        xsmcGetBufferReadable(xsArg(saltAt), &salt, &saltLength);
    psa_status_t status = psa_key_derivation_setup(operation, PSA_ALG_HKDF(PSA_ALG_SHA_256));
    /* RFC 5869 §2.2: none is a hash of zeros, and so is an empty one once HMAC has padded it. */
    if (status == PSA_SUCCESS && saltLength != 0)
        status = psa_key_derivation_input_bytes(operation, PSA_KEY_DERIVATION_INPUT_SALT, salt, saltLength);
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
    crypto_check(the, crypto_import(the, &attributes, bytes, length, &key));
    crypto_hold(the, key);
}

void crypto_native_mac_key(xsMachine *the)
{
    psa_key_id_t key = 0;
    psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;

    crypto_need_arguments(the, 1);
    if (xsmcArgc == 1) {
        import_mac_key(the);
        return;
    }
    crypto_need_arguments(the, 3);
    psa_key_id_t secret = crypto_key(the, &xsArg(0));
    size_t byteLength = count_in(the, &xsArg(2), 1, MAX_DERIVED);
    psa_key_attributes_t attributes = mac_attributes(byteLength);
    psa_status_t status = crypto_derive(the, &operation, secret, 1, 3);
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_output_key(&attributes, &operation, &key);
    psa_key_derivation_abort(&operation);
    crypto_check(the, status);
    crypto_hold(the, key);
}

void crypto_native_derive_bytes(xsMachine *the)
{
    psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;

    crypto_need_arguments(the, 2);
    psa_key_id_t secret = crypto_key(the, &xsThis);
    size_t byteLength = count_in(the, &xsArg(1), 1, MAX_DERIVED);
    void *output = xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)byteLength);
    psa_status_t status = crypto_derive(the, &operation, secret, 0, 2);
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_output_bytes(&operation, output, byteLength);
    psa_key_derivation_abort(&operation);
    crypto_check(the, status);
}

void crypto_native_hmac(xsMachine *the)
{
    void *data;
    xsUnsignedValue length;
    size_t macLength = 0;

    crypto_need_arguments(the, 1);
    psa_key_id_t key = crypto_key(the, &xsThis);
    void *mac = xsmcSetArrayBuffer(xsResult, NULL, HASH_BYTES);
    xsmcGetBufferReadable(xsArg(0), &data, &length);
    crypto_check(the, psa_mac_compute(key, PSA_ALG_HMAC(PSA_ALG_SHA_256), data, length, mac, HASH_BYTES, &macLength));
}

void crypto_native_random(xsMachine *the)
{
    crypto_need_arguments(the, 1);
    size_t byteLength = count_in(the, &xsArg(0), 0, MAX_RANDOM);
    void *bytes = xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)byteLength);
    if (byteLength != 0)
        crypto_check(the, psa_generate_random(bytes, byteLength));
}

void crypto_native_sha256(xsMachine *the)
{
    void *data;
    xsUnsignedValue length;
    size_t hashLength = 0;

    crypto_need_arguments(the, 1);
    void *hash = xsmcSetArrayBuffer(xsResult, NULL, HASH_BYTES);
    xsmcGetBufferReadable(xsArg(0), &data, &length);
    crypto_check(the, psa_hash_compute(PSA_ALG_SHA_256, data, length, hash, HASH_BYTES, &hashLength));
}
