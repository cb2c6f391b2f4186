/* The key behind a Secret of crypto.js, for natives that derive from it themselves. */
#ifndef DORMOUSE_CRYPTO_SECRET_H
#define DORMOUSE_CRYPTO_SECRET_H

#include "psa/crypto.h"
#include "xsmc.h"

/* Throws TypeError when the slot holds no open Secret. The key stays the Secret's. */
psa_key_id_t crypto_secret(xsMachine *the, xsSlot *slot);

#endif
