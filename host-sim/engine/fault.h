/* Faults of the board's memories and of its power, and of the link, as the world commands them. */
#ifndef DORMOUSE_FAULT_H
#define DORMOUSE_FAULT_H

#include <stdbool.h>

/*
 * Obeys `fault rtc-lost|flash-lost|flash-full|none`, which add up, and those of secure.h, from then on; `fault clock
 * lost|MILLISECONDS`, for the sleep before the next boot; and those of supply.h, for one
 * boot, and of link.h, port.h and pins.h; false when `line` is no such command.
 */
bool fault_command(const char *line);

#endif
