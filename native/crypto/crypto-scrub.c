/*
 * The collector moves chunks to close gaps, and their old bytes stay where they were. A key that was in an
 * ArrayBuffer while it went from flash to mbedTLS may so have left copies, which no fill(0) reaches.
 */
#include "xsAll.h"

#include "crypto-scrub.h"

void crypto_scrub(struct sxMachine *the)
{
#if !defined(mxNoChunks) || !mxNoChunks
    for (txBlock *block = the->firstBlock; block != NULL; block = block->nextBlock)
        c_memset(block->current, 0, (size_t)(block->limit - block->current));
#else
    (void)the;
#endif
}
