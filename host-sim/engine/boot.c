/* One boot; see boot.h. XS calls fxAbort here when it cannot go on, fxQueuePromiseJobs when there are jobs. */
#include "boot.h"

#include "clock.h"
#include "exception.h"
#include "link.h"
#include "loop.h"
#include "machine.h"
#include "meters.h"
#include "pins.h"
#include "port.h"
#include "power.h"
#include "report.h"
#include "secure.h"
#include "supply.h"
#include "world.h"
#include "xs.h"

static struct {
  Machine machine;
  const char *cause;
  const char *reason; /* NULL while the boot runs */
  const char *detail;
  double sleepMs;
  int pin, level; /* that ends the sleep; -1: none */
  ExceptionText exception;
  bool jobs; /* promise jobs are queued */
} boot;

static bool measure;

void fxQueuePromiseJobs(txMachine *the) {
  (void)the;
  boot.jobs = true;
}

const char *boot_cause(void) { return boot.cause; }
bool boot_ended(void) { return boot.reason != NULL; }
const char *boot_failure(void) { return boot.detail ? boot.detail : "unknown"; }

/* Sets how the boot ended, unless that is known: what comes later is a consequence. */
static void set_end(const char *reason, const char *detail) {
  if (boot.reason) return;
  boot.reason = reason;
  boot.detail = detail;
}

static const char *exhausted_memory(txMachine *the) {
  if (boot.machine.exhausted) return boot.machine.exhausted;
  return the->freeHeap ? "chunk memory" : "slot memory";
}

void fxAbort(txMachine *the, int status) {
  switch (status) {
  case XS_NOT_ENOUGH_MEMORY_EXIT:
    set_end("abort", exhausted_memory(the));
    break;
  case COMPAT_STACK_EXIT:
  case COMPAT_C_STACK_EXIT:
    set_end("abort", "stack");
    break;
  case XS_NO_MORE_KEYS_EXIT:
    set_end("abort", "keys");
    break;
  case XS_UNHANDLED_EXCEPTION_EXIT:
  case XS_UNHANDLED_REJECTION_EXIT:
    if (!boot.reason) exception_describe(the, &boot.exception);
    set_end("exception", boot.exception.message);
    break;
  default:
    set_end("abort", "fatal check");
    break;
  }
  fxExitToHost(the);
}

void boot_sleep(txMachine *the, double milliseconds, int pin, int level) {
  boot.sleepMs = milliseconds;
  boot.pin = pin;
  boot.level = level;
  set_end("sleep", "");
  fxExitToHost(the);
  abort();
}

void boot_restart(txMachine *the) {
  set_end("restart", "");
  fxExitToHost(the);
  abort();
}

void boot_fail(const char *reason, const char *detail) {
  set_end(reason, detail);
  fxExitToHost(boot.machine.the);
  abort();
}

void boot_trace(txMachine *the) {
  if (mxArgc < 1) return;
  const char *text = fxToString(the, mxArgv(0));
  size_t size = strlen(text);
  if (size && text[size - 1] == '\n') size--;
  if (boot.cause) port_log(text, size);
  report_begin("trace");
  report_number("at", boot.cause ? clock_world() : 0); /* preloading happens outside the world's time */
  report_number("bytecodes", compat_bytecodes(the));
  report_text_sized("text", text, size);
  report_end();
  if (!boot.cause) return;
  link_traced(text);
  supply_traced(text);
}

void boot_measure(bool on) { measure = on; }

void boot_run_jobs(txMachine *the) {
  while (boot.jobs) {
    boot.jobs = false;
    fxRunPromiseJobs(the);
  }
  fxCheckUnhandledRejections(the, 1);
  if (measure) fxCollectGarbage(the);
}

static void run_main(txMachine *machine, const char *main) {
  xsBeginHost(machine);
  {
    xsVars(1);
    xsVar(0) = xsAwaitImport((char *)(uintptr_t)main, XS_IMPORT_DEFAULT);
    if (xsTypeOf(xsVar(0)) == xsReferenceType && xsIsCallable(xsVar(0))) xsCallFunction0(xsVar(0), xsGlobal);
  }
  xsEndHost(machine);
  boot_run_jobs(machine);
}

static void report_exception(void) {
  report_open("stack", '[');
  for (int i = 0; i < boot.exception.frameCount; i++) report_text(NULL, boot.exception.frames[i]);
  report_close(']');
}

static void report_heap(const MachineMeters *read) {
  report_open("heap", '{');
  report_number("slotBytesPeak", read->slotBytes);
  report_number("chunkBytesPeak", read->chunkBytes);
  report_number("stackBytesPeak", read->stackBytes);
  report_number("tlsBytesPeak", (double)secure_peak());
  report_close('}');
}

void boot_report_meters(void) {
  const txMachine *the = boot.machine.the;
  report_begin("meters");
  report_number("slotBytes", machine_board_bytes((double)the->currentHeapCount * sizeof(txSlot)));
  report_number("chunkBytes", machine_board_bytes((double)the->currentChunksSize));
  report_number("tlsBytes", (double)secure_held());
  report_number("tlsBytesPeak", (double)secure_peak());
  report_number("tlsAllocations", (double)secure_allocations());
  report_number("tlsRefusals", (double)secure_refusals());
  report_end();
}

static void report_boot(const MachineMeters *read, double at, double effects, size_t leaked) {
  report_begin("end");
  report_number("at", at);
  report_text("reason", boot.reason);
  report_number("sleepMs", boot.sleepMs);
  report_number("wakesAt", at + clock_sleep(boot.sleepMs));
  if (boot.pin >= 0) {
    report_open("wakeOn", '{');
    report_number("pin", boot.pin);
    report_number("level", boot.level);
    report_close('}');
  }
  report_text("detail", boot.detail);
  if (boot.exception.frameCount) report_exception();
  report_number("bytesUp", meters.bytesUp);
  report_number("bytesDown", meters.bytesDown);
  report_number("bytecodes", read->bytecodes);
  report_heap(read);
  report_number("flashWrites", meters.flashWrites);
  report_number("effects", effects);
  report_number("segmentsLost", link_lost());
  report_number("tlsBytesLeaked", (double)leaked);
  report_end();
}

/* Runs within the outermost jump: fxExitToHost comes back here. */
static void run(txMachine *the, const Image *image) {
  txJump jump;
  memset(&jump, 0, sizeof(jump));
  jump.stack = the->stack;
  the->firstJump = &jump;
  if (c_setjmp(jump.buffer) == 0) {
    run_main(the, image->main);
    loop_run(the);
    set_end("deadlock", "nothing can happen any more");
  }
  the->firstJump = NULL;
}

void boot_run(txMachine *root, const Image *image, const char *cause, double worldMs) {
  MachineMeters read = {0};
  memset(&boot, 0, sizeof(boot));
  boot.pin = -1;
  boot.cause = cause;
  meters_reset();
  secure_boot();
  link_boot();
  clock_boot(worldMs, strcmp(cause, "power-on") == 0);
  power_boot(cause);
  port_boot();
  if (machine_start(&boot.machine, root, image)) {
    supply_boot(boot.machine.the);
    pins_boot();
    run(boot.machine.the, image);
    machine_read(&boot.machine, &read);
  } else
    set_end("abort", boot.machine.exhausted);
  double at = clock_world();
  double effects = supply_end();
  clock_end();
  port_end(strcmp(boot.reason, "sleep") == 0 || strcmp(boot.reason, "restart") == 0);
  pins_end();
  loop_clear();
  if (boot.machine.the) machine_stop(&boot.machine);
  world_clear(); /* after the machine, which still refers to the callbacks */
  report_boot(&read, at, effects, secure_end());
}
