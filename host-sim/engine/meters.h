/* Counters of a boot that natives keep. No XS types: native modules may include this file. */
#ifndef DORMOUSE_METERS_H
#define DORMOUSE_METERS_H

#include <stddef.h>

typedef struct {
  double bytesUp, bytesDown; /* TCP payload */
  double flashWrites;        /* committed writes of the key-value store */
} Meters;

extern Meters meters;

void meters_reset(void);

#endif
