/*
 * What XS asks of the platform it runs on (xsPlatform.h includes this file as XSPLATFORM).
 * Memory, modules, promise jobs, abort and the clock are ours: see machine.c, modules.c, boot.c, clock.c.
 */
#ifndef DORMOUSE_XS_PLATFORM_H
#define DORMOUSE_XS_PLATFORM_H

#undef mxLittleEndian
#define mxLittleEndian 1
#if defined(__APPLE__)
#undef mxMacOSX
#define mxMacOSX 1
#else
#undef mxLinux
#define mxLinux 1
#endif
#define mxExport extern
#define mxImport extern
#define XS_FUNCTION_NORETURN __attribute__((noreturn))

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int txSocket;
#define mxNoSocket -1
#define mxUseGCCAtomics 1
#define mxUsePOSIXThreads 1

/* host: the Machine (machine.h) a clone runs in, NULL for the root. The rest is for XS's Atomics. */
#define mxMachinePlatform                                                                                    \
  void *host;                                                                                                \
  void *waiterCondition;                                                                                     \
  void *waiterData;                                                                                          \
  void *waiterLink;

#define mxUseDefaultBuildKeys 1
#define mxUseDefaultParseScript 1
#define mxUseDefaultSharedChunks 1

/* Date and the engine's random numbers follow the device's clock, never the computer's. */
typedef struct {
  int64_t tv_sec;
  int64_t tv_usec;
} c_timeval;
int clock_device_timeofday(c_timeval *now, void *zone);
#define c_timezone timezone
#define c_gettimeofday clock_device_timeofday

#endif
