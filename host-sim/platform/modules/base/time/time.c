/* Natives of `time`. */
#include "clock.h"
#include "xs.h"

void xs_time_set(xsMachine *the) { clock_device_set(xsToNumber(xsArg(0)) * 1000.0); }

void xs_time_ticks(xsMachine *the) { xsResult = xsInteger((xsIntegerValue)clock_ticks()); }
