/*
 * The simulated board as a process:  engine [--realtime] [--measure] [--keylog FILE] [--pcap FILE]
 *        [--serial LINK] IMAGE
 * Commands come on standard input, one a line: `boot CAUSE NOWMS`, `answer ID ADVANCEMS TEXT`, `never ID`,
 * `fault rtc-lost|flash-lost|flash-full|tls-heap BYTES|tls-allocation N|none`, what supply.h, link.h, line.h, port.h and pins.h have, `meters`
 * (during a boot), between boots `rtc-read`, `rtc-write HEX`, `flash-reload` and `drift PPM` (of the clock of the sleeping
 * board), `quit`.
 * What happens goes to standard output, one JSON object a line. Exit status: 0, or 1 when the image cannot be used.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot.h"
#include "capture.h"
#include "clock.h"
#include "fault.h"
#include "image.h"
#include "loop.h"
#include "modules.h"
#include "port.h"
#include "power.h"
#include "probe.h"
#include "report.h"
#include "root.h"
#include "secure.h"
#include "store.h"
#include "world.h"

/* What lives until the process ends. */
static const Image *image;
static txMachine *root;

static const char *const causes[] = {"power-on", "deep-sleep", "gpio", "brown-out", "watchdog", "software", "abort"};

static int fail(const char *problem) {
  fprintf(stderr, "%s\n", problem);
  report_begin("failed");
  report_text("detail", problem);
  report_end();
  return 1;
}

static const char *find_cause(const char *name) {
  for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
    if (strcmp(causes[i], name) == 0) return causes[i];
  return NULL;
}

static const char *parse(int argc, char **argv, const char **keylog, const char **pcap, const char **serial) {
  const char *path = NULL;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--realtime") == 0) loop_realtime(true);
    else if (strcmp(argv[i], "--measure") == 0) boot_measure(true);
    else if (strcmp(argv[i], "--keylog") == 0 && i + 1 < argc) *keylog = argv[++i];
    else if (strcmp(argv[i], "--pcap") == 0 && i + 1 < argc) *pcap = argv[++i];
    else if (strcmp(argv[i], "--serial") == 0 && i + 1 < argc) *serial = argv[++i];
    else if (argv[i][0] == '-' || path) return NULL;
    else path = argv[i];
  }
  return path;
}

static void report_ready(void) {
  size_t preloaded = 0;
  for (size_t i = 0; i < image->moduleCount; i++) preloaded += image->modules[i].preload;
  report_begin("ready");
  report_text("board", image->board);
  report_number("modules", (double)image->moduleCount);
  report_number("preloaded", (double)preloaded);
  report_number("slotBytes", 16);
  report_number("hostSlotBytes", sizeof(txSlot));
  report_number("codeBytes", (double)modules_code_bytes());
  report_number("flashSlots", (double)root->currentHeapCount);
  report_number("flashChunkBytes", (double)root->currentChunksSize);
  report_number("aliases", (double)root->aliasCount);
  report_end();
}

static void serve(void) {
  char *line;
  while ((line = world_command())) {
    char name[32];
    double now;
    if (strcmp(line, "quit") == 0) return;
    if (strncmp(line, "answer ", 7) == 0 || strncmp(line, "never ", 6) == 0) continue; /* to a boot that ended */
    if (strcmp(line, "off") == 0) continue; /* it is */
    if (strcmp(line, "asks") == 0) {
      loop_asks(true);
      continue;
    }
    if (fault_command(line) || probe_command(line)) continue;
    const char *cause = sscanf(line, "boot %31s %lf", name, &now) == 2 ? find_cause(name) : NULL;
    if (cause) boot_run(root, image, cause, now);
    else fail("command not understood");
  }
}

int main(int argc, char **argv) {
  char problem[1024];
  const char *keylog = NULL, *pcap = NULL, *serial = NULL;
  const char *path = parse(argc, argv, &keylog, &pcap, &serial);
  if (!path) {
    fputs("usage: engine [--realtime] [--measure] [--keylog FILE] [--pcap FILE] [--serial LINK] IMAGE\n", stderr);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit of a file's size fails like one on a full disk */
  setenv("TZ", "UTC0", 1);
  image = image_read(path, problem, sizeof(problem));
  if (!image) return fail(problem);
  if (keylog && secure_keylog(keylog) != 0) return fail("the key log cannot be written");
  if (pcap && capture_start(pcap) != 0) {
    snprintf(problem, sizeof(problem), "the capture cannot be written: %s", strerror(errno));
    return fail(problem);
  }
  if (serial && port_start(serial) != 0) {
    snprintf(problem, sizeof(problem), "the serial port cannot be made at %s: %s", serial, strerror(errno));
    return fail(problem);
  }
  clock_forget_in_sleep(image->clockForgets);
  if (!power_start(image->rtcBytes)) return fail("no memory for RTC memory");
  if (!store_start(image->flashPath, image->flashBytes, problem, sizeof(problem))) return fail(problem);
  root = root_build(image, problem, sizeof(problem));
  if (!root) return fail(problem);
  report_ready();
  serve();
  return 0;
}
