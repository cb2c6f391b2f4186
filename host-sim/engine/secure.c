/* See secure.h. */
#include "secure.h"

#if ENGINE_HAS_TLS

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../native/crypto/crypto-reset.h"
#include "../../native/tls/tls-heap.h"
#include "clock.h"

void tls_set_keylog(void (*line)(const char *text));

static int keylog = -1;

static void keylog_line(const char *text) {
  /* A lost line costs a view in Wireshark, nothing else. */
  if (write(keylog, text, strlen(text)) < 0 || write(keylog, "\n", 1) < 0) return;
}

int secure_keylog(const char *path) {
  keylog = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (keylog < 0) return -1;
  struct stat file; /* a file that was there may have been for everybody's eyes */
  if (fstat(keylog, &file) == 0 && S_ISREG(file.st_mode) && fchmod(keylog, 0600) != 0) return -1;
  tls_set_keylog(keylog_line);
  return 0;
}

void secure_boot(void) { tls_heap_reset(); }

bool secure_fault(const char *line) {
  unsigned long number;
  bool none = strcmp(line, "fault none") == 0;
  bool heap = sscanf(line, "fault tls-heap %lu", &number) == 1;
  bool allocation = sscanf(line, "fault tls-allocation %lu", &number) == 1;
  if (none || heap) tls_heap_limit(none ? 0 : number);
  if (none || allocation) tls_heap_fail_at(none ? 0 : number);
  return heap || allocation;
}

size_t secure_held(void) { return tls_heap_used(); }

size_t secure_allocations(void) { return tls_heap_tries(); }

size_t secure_refusals(void) { return tls_heap_refusals(); }

size_t secure_peak(void) { return tls_heap_peak(); }

size_t secure_end(void) {
  crypto_reset();
  return tls_heap_used();
}

#else

int secure_keylog(const char *path) {
  (void)path;
  return 0;
}

void secure_boot(void) {}

bool secure_fault(const char *line) {
  (void)line;
  return false;
}

size_t secure_held(void) { return 0; }

size_t secure_allocations(void) { return 0; }

size_t secure_refusals(void) { return 0; }

size_t secure_peak(void) { return 0; }

size_t secure_end(void) { return 0; }

#endif
