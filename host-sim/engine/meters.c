/* See meters.h. */
#include "meters.h"

Meters meters;

void meters_reset(void) { meters = (Meters){0}; }
