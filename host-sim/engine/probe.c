/* See probe.h. */
#include "probe.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "power.h"
#include "report.h"
#include "store.h"

static bool read_rtc(void) {
  size_t size;
  const uint8_t *bytes = power_rtc(&size);
  char *hex = malloc(2 * size + 1);
  if (!hex) return false;
  hex[0] = 0;
  for (size_t i = 0; i < size; i++) snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
  report_begin("rtc");
  report_text("bytes", hex);
  report_end();
  free(hex);
  return true;
}

static bool write_rtc(const char *hex) {
  size_t size;
  uint8_t *bytes = power_rtc(&size);
  if (strlen(hex) != 2 * size || strspn(hex, "0123456789abcdef") != 2 * size) return false;
  for (size_t i = 0; i < size; i++) {
    const char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
    bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
  }
  return true;
}

bool probe_command(const char *line) {
  static const char write[] = "rtc-write ";
  if (strcmp(line, "rtc-read") == 0) return read_rtc();
  double ppm;
  if (strncmp(line, write, sizeof(write) - 1) == 0) return write_rtc(line + sizeof(write) - 1);
  if (sscanf(line, "drift %lf", &ppm) == 1 && ppm > -1e6) {
    clock_drift(ppm);
    return true;
  }
  return strcmp(line, "flash-reload") == 0 && store_reload();
}
