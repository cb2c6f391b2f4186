/* The root machine: the board's flash. Its preloaded modules have run, everything in it is read-only from then on. */
#ifndef DORMOUSE_ROOT_H
#define DORMOUSE_ROOT_H

#include "image.h"
#include "xs-compat.h"

/* Builds the root from the image. Returns it (it lives until the process ends), or NULL with one line in `problem`. */
txMachine *root_build(const Image *image, char *problem, size_t problemSize);

/*
 * Makes all of the root read-only, as the SDK's xsl does for preloaded modules (freeze.c): the built-ins, and of what
 * the modules made their functions, classes, scopes, buffers, maps and the like. A plain object or array stays
 * writable unless the module froze it: a clone that writes it pays with a copy in RAM.
 */
void freeze_root(txMachine *the);

/* Marks what exists now as built-in. Call before the first module runs. */
void freeze_built_ins(txMachine *the);

/* Turns values in the root's heap to their read-only kinds, or a clone's collector would write into the root. */
void freeze_kinds(txMachine *the);

#endif
