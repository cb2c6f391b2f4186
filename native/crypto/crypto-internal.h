/*
 * What the crypto module's files share: crypto.c (keys, HKDF, HMAC, hashing), crypto-aead.c, crypto-p256.c. All of
 * them throw in XS, so nothing may be held that only the C stack knows of when they are called.
 */
#ifndef DORMOUSE_CRYPTO_INTERNAL_H
#define DORMOUSE_CRYPTO_INTERNAL_H

#include "psa/crypto.h"
#include "xsmc.h"

/* Throws TypeError when the call has fewer. Every native's first: it also starts PSA. */
void crypto_need_arguments(xsMachine *the, int count);

/* Throws unless all went well. */
void crypto_check(xsMachine *the, psa_status_t status);

/* The open key of a handle of this module; throws TypeError otherwise. */
psa_key_id_t crypto_key(xsMachine *the, xsSlot *slot);

/* `this` becomes the key's handle and destroys it. */
void crypto_hold(xsMachine *the, psa_key_id_t key);

/*
 * Imports bytes out of a buffer of the machine, and clears what the collector left of them while it moved that buffer.
 * The buffer itself is its owner's to zero.
 */
psa_status_t crypto_import(xsMachine *the, const psa_key_attributes_t *attributes, const void *bytes, size_t length,
                           psa_key_id_t *key);

/* HKDF-SHA-256 as the arguments from `at` on have it, info and then perhaps a salt: all but the output. */
psa_status_t crypto_derive(xsMachine *the, psa_key_derivation_operation_t *operation, psa_key_id_t secret, int infoAt,
                           int saltAt);

/* Clears what the call before it has left on the stack below its caller's frame. */
void crypto_wipe_stack(void);

/* The shared secret of ECDH as a key to derive from: `new Secret(agreementKey, point)`. */
void crypto_agree(xsMachine *the);

/* For import: a key that HKDF takes. */
psa_key_attributes_t crypto_secret_attributes(void);

#endif
