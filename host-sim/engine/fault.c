/* See fault.h. */
#include "fault.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "link.h"
#include "pins.h"
#include "port.h"
#include "power.h"
#include "secure.h"
#include "store.h"
#include "supply.h"

static bool clock_command(const char *line) {
  double shift;
  bool lost = strcmp(line, "fault clock lost") == 0;
  if (!lost && sscanf(line, "fault clock %lf", &shift) != 1) return false;
  clock_disturb(lost, lost ? 0 : shift);
  return true;
}

bool fault_command(const char *line) {
  if (secure_fault(line) || supply_command(line) || link_command(line) || clock_command(line) ||
      port_command(line) || pins_command(line)) return true;
  bool none = strcmp(line, "fault none") == 0;
  bool rtc = strcmp(line, "fault rtc-lost") == 0;
  bool lost = strcmp(line, "fault flash-lost") == 0;
  bool full = strcmp(line, "fault flash-full") == 0;
  if (none || rtc) power_lose_writes(rtc);
  if (none || lost || full) store_fault(full ? storeIsFull : lost ? storeLoses : storeKeeps);
  return none || rtc || lost || full;
}
