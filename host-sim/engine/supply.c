/* See supply.h. A brown-out after so many bytecodes is XS's metering, which can end a machine between any two of them. */
#include "supply.h"

#include <stdint.h>
#include <stdio.h>

#include "boot.h"
#include "xs-compat.h"

enum { textMax = 127 };

typedef struct {
  char text[textMax + 1]; /* empty: none */
} Word;

static struct {
  double at;     /* the effect that no longer happens; 0: all happen */
  bool tear;
  size_t torn;   /* bytes; SIZE_MAX: half */
  double codes;  /* 0: no brown-out */
  Word cutOn, brownoutOn;
} order;

static double effects;

static void forget(void) { memset(&order, 0, sizeof(order)); }

static bool parse_cut(const char *line) {
  double at;
  size_t torn = SIZE_MAX;
  int used = 0;
  if (sscanf(line, "fault cut on %127[^\n]", order.cutOn.text) == 1) return true;
  if (sscanf(line, "fault cut %lf%n", &at, &used) != 1 || at < 1) return false;
  const char *rest = line + used;
  order.tear = strncmp(rest, " tear", 5) == 0;
  if (order.tear) sscanf(rest + 5, " %zu", &torn);
  order.torn = torn;
  order.at = at;
  return true;
}

bool supply_command(const char *line) {
  double codes;
  if (strcmp(line, "fault power") == 0) {
    forget();
    return true;
  }
  if (parse_cut(line)) return true;
  if (sscanf(line, "fault brownout on %127[^\n]", order.brownoutOn.text) == 1) return true;
  if (sscanf(line, "fault brownout %lf", &codes) != 1 || codes < 1) return false;
  order.codes = codes;
  return true;
}

static txBoolean exhausted(txMachine *the, CompatMeter count) {
  (void)the;
  (void)count;
  boot_fail("brown-out", "the supply sagged");
}

void supply_boot(txMachine *the) {
  effects = 0;
  if (order.codes > 0) fxBeginMetering(the, exhausted, (CompatMeter)order.codes);
}

double supply_end(void) {
  forget();
  return effects;
}

size_t supply_left(size_t wanted) {
  if (order.at <= 0) return wanted;
  double left = order.at - 1 - effects;
  return left >= (double)wanted ? wanted : left > 0 ? (size_t)left : 0;
}

void supply_spent(size_t happened) { effects += (double)happened; }

size_t supply_torn(size_t size) {
  if (!order.tear) return 0;
  size_t torn = order.torn == SIZE_MAX ? size / 2 : order.torn;
  return torn < size ? torn : size;
}

void supply_cut(void) { boot_fail("power-cut", "the power went"); }

void supply_traced(const char *text) {
  if (order.cutOn.text[0] && strstr(text, order.cutOn.text)) supply_cut();
  if (order.brownoutOn.text[0] && strstr(text, order.brownoutOn.text)) boot_fail("brown-out", "the supply sagged");
}
