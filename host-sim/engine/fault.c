/* See fault.h. */
#include "fault.h"

#include <string.h>

#include "link.h"
#include "power.h"
#include "secure.h"
#include "store.h"
#include "supply.h"

bool fault_command(const char *line) {
  if (secure_fault(line) || supply_command(line) || link_command(line)) return true;
  static const struct {
    const char *line;
    StoreFault flash;
    bool rtcLost;
  } faults[] = {
      {"fault none", storeKeeps, false},
      {"fault flash-lost", storeLoses, false},
      {"fault flash-full", storeIsFull, false},
      {"fault rtc-lost", storeKeeps, true},
  };
  for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
    if (strcmp(faults[i].line, line) == 0) {
      store_fault(faults[i].flash);
      power_lose_writes(faults[i].rtcLost);
      return true;
    }
  return false;
}
