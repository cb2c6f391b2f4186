/* AEAD keys of the crypto module (RFC 9053 §4), in one piece: messages are short. */
#include "xsmc.h"

#include "crypto-internal.h"

#include "mbedtls/platform_util.h"
#include "psa/crypto.h"

typedef struct {
    int cose;
    psa_key_type_t type;
    size_t keyBytes;
    psa_algorithm_t algorithm;
    size_t nonceBytes;
    size_t tagBytes;
} Aead;

static const Aead aeads[] = {
    {1, PSA_KEY_TYPE_AES, 16, PSA_ALG_GCM, 12, 16},
    {3, PSA_KEY_TYPE_AES, 32, PSA_ALG_GCM, 12, 16},
    {10, PSA_KEY_TYPE_AES, 16, PSA_ALG_AEAD_WITH_SHORTENED_TAG(PSA_ALG_CCM, 8), 13, 8},
    {24, PSA_KEY_TYPE_CHACHA20, 32, PSA_ALG_CHACHA20_POLY1305, 12, 16},
};
enum { AEADS = sizeof aeads / sizeof aeads[0] };

static const Aead *aead_in(xsMachine *the, xsSlot *slot)
{
    xsNumberValue number = xsmcToNumber(*slot);
    for (size_t i = 0; i < AEADS; i++)
        if (aeads[i].cose == number)
            return &aeads[i];
    xsRangeError("not an AEAD algorithm of this profile");
    return NULL;
}

/* Throws TypeError for a key of another kind. */
static const Aead *aead_of(xsMachine *the, psa_key_id_t key)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    crypto_check(the, psa_get_key_attributes(key, &attributes));
    psa_algorithm_t algorithm = psa_get_key_algorithm(&attributes);
    size_t keyBytes = PSA_BITS_TO_BYTES(psa_get_key_bits(&attributes));
    psa_reset_key_attributes(&attributes);
    for (size_t i = 0; i < AEADS; i++)
        if (aeads[i].algorithm == algorithm && aeads[i].keyBytes == keyBytes)
            return &aeads[i];
    xsTypeError("not an AEAD key");
    return NULL;
}

/* new AeadKey(bytes, alg) or new AeadKey(secret, alg, info, salt) */
void crypto_native_aead_key(xsMachine *the)
{
    psa_status_t status;
    psa_key_id_t key = 0;
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;

    crypto_need_arguments(the, 2);
    const Aead *aead = aead_in(the, &xsArg(1));
    psa_set_key_type(&attributes, aead->type);
    psa_set_key_bits(&attributes, PSA_BYTES_TO_BITS(aead->keyBytes));
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_ENCRYPT | PSA_KEY_USAGE_DECRYPT);
    psa_set_key_algorithm(&attributes, aead->algorithm);
    if (xsmcArgc > 2) {
        psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;
        psa_key_id_t secret = crypto_key(the, &xsArg(0));
        status = crypto_derive(the, &operation, secret, 2, 3);
        if (status == PSA_SUCCESS)
            status = psa_key_derivation_output_key(&attributes, &operation, &key);
        psa_key_derivation_abort(&operation);
    } else {
        void *bytes;
        xsUnsignedValue length;
        xsmcGetBufferReadable(xsArg(0), &bytes, &length);
        if (length != aead->keyBytes)
            xsRangeError("not a key of this algorithm's length");
        status = crypto_import(the, &attributes, bytes, length, &key);
    }
    crypto_check(the, status);
    crypto_hold(the, key);
}

/* Arguments of `encrypt` and `decrypt`: nonce, aad, text. The pointers hold until XS allocates. */
typedef struct {
    void *nonce, *aad, *text;
    xsUnsignedValue nonceLength, aadLength, textLength;
} Input;

static void read_input(xsMachine *the, Input *input)
{
    xsmcGetBufferReadable(xsArg(0), &input->nonce, &input->nonceLength);
    xsmcGetBufferReadable(xsArg(1), &input->aad, &input->aadLength);
    xsmcGetBufferReadable(xsArg(2), &input->text, &input->textLength);
}

static void need_nonce(xsMachine *the, const Input *input, const Aead *aead)
{
    if (input->nonceLength != aead->nonceBytes)
        xsRangeError("not a nonce of this algorithm's length");
}

void crypto_native_encrypt(xsMachine *the)
{
    Input input;
    size_t length = 0;

    crypto_need_arguments(the, 3);
    psa_key_id_t key = crypto_key(the, &xsThis);
    const Aead *aead = aead_of(the, key);
    read_input(the, &input);
    need_nonce(the, &input, aead);
    size_t size = input.textLength + aead->tagBytes;
    void *output = xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)size);
    read_input(the, &input);
    psa_status_t status = psa_aead_encrypt(key, aead->algorithm, input.nonce, input.nonceLength, input.aad,
                                           input.aadLength, input.text, input.textLength, output, size, &length);
    if (status == PSA_ERROR_INVALID_ARGUMENT)
        xsRangeError("more than this algorithm can encrypt");
    crypto_check(the, status);
}

void crypto_native_decrypt(xsMachine *the)
{
    Input input;
    size_t length = 0;

    crypto_need_arguments(the, 3);
    psa_key_id_t key = crypto_key(the, &xsThis);
    const Aead *aead = aead_of(the, key);
    read_input(the, &input);
    need_nonce(the, &input, aead);
    if (input.textLength < aead->tagBytes)
        return;
    size_t size = input.textLength - aead->tagBytes;
    void *output = xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)size);
    read_input(the, &input);
    psa_status_t status = psa_aead_decrypt(key, aead->algorithm, input.nonce, input.nonceLength, input.aad,
                                           input.aadLength, input.text, input.textLength, output, size, &length);
    if (status == PSA_SUCCESS)
        return;
    mbedtls_platform_zeroize(output, size); /* PSA does not promise it */
    xsmcSetUndefined(xsResult);
    /* The argument that is wrong is a text longer than the algorithm can have encrypted. */
    if (status != PSA_ERROR_INVALID_SIGNATURE && status != PSA_ERROR_INVALID_ARGUMENT)
        crypto_check(the, status);
}
