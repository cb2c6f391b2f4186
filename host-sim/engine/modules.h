/*
 * The modules of the image: compiled once, in the root machine, to bytecode that all clones share as a board's
 * share flash. XS calls fxFindModule and fxLoadModule (modules.c) when code imports one.
 */
#ifndef DORMOUSE_MODULES_H
#define DORMOUSE_MODULES_H

#include "image.h"
#include "xs-compat.h"

typedef struct {
  const ImageModule *image;
  txScript script;
  txHostFunctionBuilder *hosts; /* what `@ "name"` in it means, in the order XS numbers them */
  txInteger hostCount;
} Module;

/* Compiles all modules of the image; their names and keys go into `the`, the root. NULL, or one line that says why not. */
const char *modules_compile(txMachine *the, const Image *image);

/* Compiles one module (compile.c). Returns NULL or one line that says why not; the line is valid until the next call. */
const char *compile_module(txMachine *the, Module *module);

/* Bytes of bytecode of all modules. */
size_t modules_code_bytes(void);

/* The callback that hands a module its natives. */
void modules_hosts(txMachine *the);

#endif
