/* What somebody with a probe does to a sleeping board: reads and writes its memories behind the firmware's back. */
#ifndef DORMOUSE_PROBE_H
#define DORMOUSE_PROBE_H

#include <stdbool.h>

/*
 * Obeys `rtc-read`, which is answered by {"type":"rtc","bytes":HEX}, `rtc-write HEX` for all of RTC memory, and
 * `flash-reload` after the flash file was replaced. Returns false when `line` is no such command or cannot be obeyed.
 * Only between boots.
 */
bool probe_command(const char *line);

#endif
