/* Builds the root machine: XS's built-ins, our trace, the preloaded modules; then freezes and shares it. */
#include "root.h"

#include "modules.h"
#include "xs.h"

#include "boot.h"

static void add_trace(txMachine *the) {
  txSlot *slot;
  fxBeginHost(the);
  mxPush(mxGlobal);
  fxNewHostFunction(the, boot_trace, 1, fxID(the, "trace"), XS_NO_ID);
  slot = mxBehaviorSetProperty(the, mxGlobal.value.reference, fxID(the, "trace"), 0, XS_OWN);
  slot->flag = XS_DONT_ENUM_FLAG;
  slot->kind = the->stack->kind;
  slot->value = the->stack->value;
  fxEndHost(the);
}

static void preload(txMachine *root, const Image *image) {
  xsBeginHost(root);
  {
    xsVars(1);
    for (size_t i = 0; i < image->moduleCount; i++)
      if (image->modules[i].preload)
        xsVar(0) = xsAwaitImport((char *)(uintptr_t)image->modules[i].specifier, XS_IMPORT_NAMESPACE);
    boot_run_jobs(the);
    xsCollectGarbage();
  }
  xsEndHost(root);
}

static void share(txMachine *the) {
  fxCollectGarbage(the);
  freeze_root(the);
  fxShareMachine(the);
  freeze_kinds(the);
}

txMachine *root_build(const Image *image, char *problem, size_t problemSize) {
  txCreation creation = {
      .initialChunkSize = 4 * 1024 * 1024,
      .incrementalChunkSize = 1024 * 1024,
      .initialHeapCount = 128 * 1024,
      .incrementalHeapCount = 32 * 1024,
      .stackCount = 4096,
      .initialKeyCount = 8192,
      .incrementalKeyCount = 1024,
      .nameModulo = image->limits.nameModulo,
      .symbolModulo = image->limits.symbolModulo,
      .parserBufferSize = 32 * 1024,
      .parserTableModulo = 1993,
  };
  txMachine *the = fxCreateMachine(&creation, "root", NULL, XS_NO_ID);
  txJump jump;
  if (!the) {
    snprintf(problem, problemSize, "no memory for the root machine");
    return NULL;
  }
  memset(&jump, 0, sizeof(jump));
  jump.stack = the->stack;
  the->firstJump = &jump;
  if (c_setjmp(jump.buffer) == 0) {
    add_trace(the);
    const char *wrong = modules_compile(the, image);
    if (wrong) {
      snprintf(problem, problemSize, "%s", wrong);
      return NULL;
    }
    fxCollectGarbage(the);
    freeze_built_ins(the);
    preload(the, image);
    share(the);
    the->firstJump = NULL;
    return the;
  }
  snprintf(problem, problemSize, "while preloading: %s", boot_failure());
  return NULL;
}
