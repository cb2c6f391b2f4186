/* Finds, loads and gives natives to the image's modules. Specifiers are exact, or relative to the importing module's. */
#include "modules.h"

static Module *modules;
static size_t moduleCount;

const char *modules_compile(txMachine *the, const Image *image) {
  modules = calloc(image->moduleCount, sizeof(Module));
  if (!modules) return "no memory";
  moduleCount = image->moduleCount;
  for (size_t i = 0; i < moduleCount; i++) modules[i].image = &image->modules[i];
  for (size_t i = 0; i < moduleCount; i++) {
    const char *problem = compile_module(the, &modules[i]);
    if (problem) return problem;
    fxNewNameC(the, (txString)modules[i].image->specifier);
  }
  return NULL;
}

size_t modules_code_bytes(void) {
  size_t sum = 0;
  for (size_t i = 0; i < moduleCount; i++) sum += (size_t)modules[i].script.codeSize;
  return sum;
}

static Module *find(const char *specifier) {
  for (size_t i = 0; i < moduleCount; i++)
    if (strcmp(modules[i].image->specifier, specifier) == 0) return &modules[i];
  return NULL;
}

/* Takes the last segment off `path`. Returns false when there is none. */
static bool parent(char *path) {
  char *slash = strrchr(path, '/');
  if (!slash) return false;
  *slash = 0;
  return true;
}

/* Resolves `name` against the specifier it was imported from, into `path`. */
static bool resolve(const char *importer, const char *name, char *path, size_t size) {
  path[0] = 0;
  if (name[0] == '.') {
    if (!importer || strlen(importer) >= size) return false;
    strcpy(path, importer);
    if (!parent(path)) path[0] = 0;
    while (name[0] == '.') {
      if (strncmp(name, "./", 2) == 0) name += 2;
      else if (strncmp(name, "../", 3) == 0) {
        name += 3;
        if (!parent(path)) {
          if (!path[0]) return false;
          path[0] = 0;
        }
      } else
        break;
    }
    if (path[0]) {
      if (strlen(path) + 1 >= size) return false;
      strcat(path, "/");
    }
  }
  if (strlen(path) + strlen(name) >= size) return false;
  strcat(path, name);
  return true;
}

txID fxFindModule(txMachine *the, txSlot *realm, txID moduleID, txSlot *slot) {
  char name[512], path[512];
  (void)realm;
  fxToStringBuffer(the, slot, name, sizeof(name));
  if (!resolve(moduleID == XS_NO_ID ? NULL : fxGetKeyName(the, moduleID), name, path, sizeof(path))) return XS_NO_ID;
  if (!find(path)) {
    char *dot = strrchr(path, '.');
    if (!dot || (strcmp(dot, ".js") != 0 && strcmp(dot, ".mjs") != 0)) return XS_NO_ID;
    *dot = 0;
    if (!find(path)) return XS_NO_ID;
  }
  return fxNewNameC(the, path);
}

void fxLoadModule(txMachine *the, txSlot *slot, txID moduleID) {
  Module *module = find(fxGetKeyName(the, moduleID));
  if (module) fxResolveModule(the, slot, moduleID, &module->script, C_NULL, C_NULL);
}

void modules_hosts(txMachine *the) {
  Module *module = find(fxGetKeyName(the, mxModuleInternal(mxThis)->value.module.id));
  fxBuildHosts(the, module ? module->hostCount : 0, module ? module->hosts : NULL);
  mxPullSlot(mxResult);
}
