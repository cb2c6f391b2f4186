/* For natives that were handed keys in the machine's buffers. */
#ifndef DORMOUSE_CRYPTO_SCRUB_H
#define DORMOUSE_CRYPTO_SCRUB_H

struct sxMachine;

/* Zeroes the chunk memory that nothing uses. What is in use, garbage included, stays as it is. */
void crypto_scrub(struct sxMachine *the);

#endif
