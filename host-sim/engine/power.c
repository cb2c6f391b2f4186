/* The simulator's half of native/power/power.js: deep sleep, restart, wake cause, RTC memory. */
#include "power.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot.h"
#include "clock.h"
#include "supply.h"
#include "xs.h"

static struct {
  uint8_t *bytes;
  size_t size;
  bool losing;
} rtc;

bool power_start(size_t bytes) {
  rtc.bytes = calloc(bytes ? bytes : 1, 1);
  rtc.size = bytes;
  return rtc.bytes != NULL;
}

uint8_t *power_rtc(size_t *size) {
  *size = rtc.size;
  return rtc.bytes;
}

void power_lose_writes(bool lose) { rtc.losing = lose; }

void power_boot(const char *cause) {
  if (strcmp(cause, "power-on") == 0) memset(rtc.bytes, 0, rtc.size);
}

void xs_power_deep_sleep(xsMachine *the) {
  xsNumberValue milliseconds = xsToNumber(xsArg(0));
  if (!(milliseconds >= 0 && milliseconds <= 0x7FFFFFFFFFFF)) xsRangeError("milliseconds out of range");
  xsIntegerValue pin = xsToInteger(xsArg(1));
  xsIntegerValue level = xsToInteger(xsArg(2));
  if (pin < -1 || pin > 48 || level < 0 || level > 1) xsRangeError("no such pin or level");
  boot_sleep((void *)the, milliseconds, pin, level);
}

void xs_power_restart(xsMachine *the) { boot_restart((void *)the); }

void xs_power_wake_cause(xsMachine *the) { xsResult = xsString(boot_cause()); }

void xs_power_set_clock(xsMachine *the) {
  xsNumberValue milliseconds = xsToNumber(xsArg(0));
  if (!(milliseconds >= 0 && milliseconds < 4294967296000)) xsRangeError("milliseconds out of range");
  clock_device_set(milliseconds);
}

void xs_power_rtc_bytes(xsMachine *the) { xsResult = xsInteger((xsIntegerValue)rtc.size); }

void xs_power_read_rtc(xsMachine *the) { xsResult = xsArrayBuffer(rtc.bytes, (xsIntegerValue)rtc.size); }

void xs_power_write_rtc_byte(xsMachine *the) {
  xsIntegerValue at = xsToInteger(xsArg(0));
  xsIntegerValue value = xsToInteger(xsArg(1));
  if (at < 0 || (size_t)at >= rtc.size) xsRangeError("more than RTC memory holds");
  if (rtc.losing) return;
  if (supply_left(1) == 0) supply_cut();
  rtc.bytes[at] = (uint8_t)value;
  supply_spent(1);
}

void xs_power_write_rtc(xsMachine *the) {
  xsUnsignedValue size;
  void *bytes;
  xsIntegerValue offset = xsToInteger(xsArg(1));
  xsIntegerValue length = xsToInteger(xsArg(2));
  bytes = xsToArrayBuffer(xsArg(0));
  size = (xsUnsignedValue)xsGetArrayBufferLength(xsArg(0));
  if (offset < 0 || length < 0 || (size_t)length > rtc.size || (xsUnsignedValue)offset + (xsUnsignedValue)length > size)
    xsRangeError("more than RTC memory holds");
  if (rtc.losing) return;
  bool cut = supply_left(1) == 0;
  size_t written = cut ? supply_torn((size_t)length) : (size_t)length;
  memcpy(rtc.bytes, (uint8_t *)bytes + offset, written);
  if (cut) supply_cut();
  supply_spent(1);
  memset(rtc.bytes + length, 0, rtc.size - (size_t)length);
}
