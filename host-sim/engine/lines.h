/*
 * From bytecode to source line. XS keeps line numbers at run time only in its debug build, whose memory use is not
 * a board's. So the line opcodes of each module are collected into a table when it is compiled, and looked up when
 * an error is made.
 */
#ifndef DORMOUSE_LINES_H
#define DORMOUSE_LINES_H

#include "xs-compat.h"

/* Begins the table of the module whose bytecode is [code, code + size); both live until the process ends. */
void lines_begin(const txByte *code, txSize size);

/* From `at` on, the bytecode comes from `line` of the file that key `file` names. */
void lines_add(const txByte *at, txID file, txInteger line);

/* Takes the place of XS's fxCaptureErrorStack: gives each frame its file and line, then calls it. */
void lines_capture(txMachine *the, txSlot *internal, txSlot *frame);

#endif
