/* Writes the JSON lines of report.h. */
#include "report.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int first;

static void member(const char *key) {
  if (!first) putchar(',');
  first = 0;
  if (key) printf("\"%s\":", key);
}

/* Decodes one character. Returns its length in bytes, 0 when the bytes are no (modified) UTF-8. */
static size_t decode(const uint8_t *at, size_t left, uint32_t *character) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = at[0] < 0x80 ? 1 : at[0] < 0xC0 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF8 ? 4 : 0;
  if (length == 0 || length > left) return 0;
  *character = length == 1 ? at[0] : at[0] & (0x7FU >> length);
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xC0) != 0x80) return 0;
    *character = *character << 6 | (at[i] & 0x3FU);
  }
  if (*character == 0 && length == 2) return 2; /* XS's U+0000 */
  return *character >= least[length] && *character <= 0x10FFFF ? length : 0;
}

static void put_string(const char *text, size_t size) {
  const uint8_t *at = (const uint8_t *)text;
  const uint8_t *end = at + size;
  putchar('"');
  while (at < end) {
    uint32_t character;
    size_t length = decode(at, (size_t)(end - at), &character);
    if (length == 0) {
      fputs("\\ufffd", stdout);
      length = 1;
    } else if (character == '"' || character == '\\')
      printf("\\%c", (int)character);
    else if (character == '\n')
      fputs("\\n", stdout);
    else if (character < 0x20 || character == 0x7F || (character >= 0xD800 && character < 0xE000) ||
             character == 0x2028 || character == 0x2029)
      printf("\\u%04x", (unsigned)character);
    else
      fwrite(at, 1, length, stdout);
    at += length;
  }
  putchar('"');
}

void report_begin(const char *type) {
  putchar('{');
  first = 1;
  report_text("type", type);
}

void report_text(const char *key, const char *text) { report_text_sized(key, text, strlen(text)); }

void report_text_sized(const char *key, const char *text, size_t size) {
  member(key);
  put_string(text, size);
}

void report_number(const char *key, double value) {
  member(key);
  printf("%.0f", isfinite(value) ? value : 0);
}

void report_open(const char *key, char bracket) {
  member(key);
  putchar(bracket);
  first = 1;
}

void report_close(char bracket) {
  putchar(bracket);
  first = 0;
}

void report_end(void) {
  fputs("}\n", stdout);
  fflush(stdout);
}
