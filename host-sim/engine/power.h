/* RTC memory and what native/power's natives need; on a board ESP-IDF has these. */
#ifndef DORMOUSE_POWER_H
#define DORMOUSE_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Gives the board `bytes` of RTC memory. Returns false when there is no memory. */
bool power_start(size_t bytes);

/* A boot begins: power-on clears RTC memory, any other cause keeps it. */
void power_boot(const char *cause);

/* All of RTC memory. */
uint8_t *power_rtc(size_t *size);

/* Whether RTC memory silently keeps what it holds, whatever is written. */
void power_lose_writes(bool lose);

#endif
