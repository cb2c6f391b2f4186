/* Describes what was thrown, without running JavaScript: memory may just have run out. */
#ifndef DORMOUSE_EXCEPTION_H
#define DORMOUSE_EXCEPTION_H

#include "xs-compat.h"

enum { exceptionFrames = 12 };

typedef struct {
  char message[512];               /* "TypeError: no such key (lib/store/keys.ts:41)" */
  char frames[exceptionFrames][160]; /* "load lib/store/keys.ts:41", innermost first */
  int frameCount;
} ExceptionText;

/* Describes the machine's current exception. */
void exception_describe(txMachine *the, ExceptionText *text);

#endif
