/* The differences between XS 13 (npm tarball) and XS 17 (Moddable SDK 8) that the host meets, in one place. */
#ifndef DORMOUSE_XS_COMPAT_H
#define DORMOUSE_XS_COMPAT_H

#include "xsAll.h"
#include "xsScript.h"

#if XS_MAJOR_VERSION >= 16
#define COMPAT_STACK_EXIT XS_JAVASCRIPT_STACK_OVERFLOW_EXIT
#define COMPAT_C_STACK_EXIT XS_NATIVE_STACK_OVERFLOW_EXIT
#define compat_intrinsics(THE) ((THE)->stackIntrinsics)
/* Metered in 1/65536 of a bytecode. */
#define compat_bytecodes(THE) ((double)((THE)->meterIndex >> 16))
#define compat_parser_line(PARSER) ((PARSER)->states[0].line)
typedef txU8 CompatMeter;
#else
#define compat_parser_line(PARSER) ((PARSER)->line)
typedef txU4 CompatMeter;
#define COMPAT_STACK_EXIT XS_STACK_OVERFLOW_EXIT
#define COMPAT_C_STACK_EXIT (-1)
#define compat_intrinsics(THE) ((THE)->stackPrototypes)
#define compat_bytecodes(THE) ((double)(THE)->meterIndex)
#endif

/* XS has no public name for these two. */
void fxCaptureErrorStack(txMachine *the, txSlot *internal, txSlot *frame);

#endif
