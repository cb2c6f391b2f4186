/*
 * Compiles one module to bytecode that refers to the root's keys and needs no heap: what the SDK's xsc and xsl do.
 * JavaScript between platform or native and its C may say `@ "c_name"`; other modules may not. JSON becomes a module
 * with a default export.
 */
#include "modules.h"

#include "lines.h"
#include "natives.h"

static char problem[1024];

typedef struct {
  const char *text;
  size_t size, at;
} Source;

static int source_next(void *it) {
  Source *source = it;
  return source->at < source->size ? (unsigned char)source->text[source->at++] : C_EOF;
}

static bool ends(const char *text, const char *end) {
  size_t length = strlen(text), endLength = strlen(end);
  return length >= endLength && strcmp(text + length - endLength, end) == 0;
}

/* Shortens `path` for messages: relative to the current folder, without "." and "..". Returns the buffer. */
static char *display_path(const char *path, char *buffer, size_t size) {
  char folder[C_PATH_MAX], real[C_PATH_MAX];
  const char *shown = realpath(path, real) ? real : path;
  if (getcwd(folder, sizeof(folder))) {
    size_t length = strlen(folder);
    if (strncmp(shown, folder, length) == 0 && shown[length] == '/') shown += length + 1;
  }
  snprintf(buffer, size, "%s", shown);
  return buffer;
}

/* Reads the source map. Returns false when it cannot be used; the module's own lines are shown then. */
static bool apply_map(txParser *parser, const char *map, char **text) {
  char path[C_PATH_MAX * 2], shown[C_PATH_MAX];
  txString name = NULL;
  Source source = {0};
  *text = image_read_file(map, &source.size);
  if (!*text) return false;
  source.text = *text;
  fxParserSourceMap(parser, &source, source_next, parser->flags, &name);
  if (parser->errorCount || !name) return false;
  snprintf(path, sizeof(path), "%s", map);
  char *slash = strrchr(path, '/');
  if (!slash || name[0] == '/') slash = path - 1;
  snprintf(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), "%s", name);
  parser->path = fxNewParserSymbol(parser, display_path(path, shown, sizeof(shown)));
  return true;
}

static txScript *parse(txMachine *the, const ImageModule *image, char *text, size_t size) {
  txParser parser;
  txParserJump jump;
  char shown[C_PATH_MAX];
  char *volatile map = NULL;
  txScript *volatile script = NULL;
  Source source = {text, size, 0};
  txString name = NULL;
  bool native = ends(image->path, ".js") && (strstr(image->path, "/platform/") || strstr(image->path, "/native/"));

  problem[0] = 0;
  fxInitializeParser(&parser, the, 32 * 1024, 1993);
  parser.firstJump = &jump;
  if (c_setjmp(jump.jmp_buf) == 0) {
    parser.path = fxNewParserSymbol(&parser, display_path(image->path, shown, sizeof(shown)));
    fxParserTree(&parser, &source, source_next, mxDebugFlag | (native ? mxCFlag : 0), &name);
    if (parser.errorCount == 0 && image->map) {
      char *mapText = NULL;
      if (!apply_map(&parser, image->map, &mapText))
        snprintf(problem, sizeof(problem), "%s: no source map", image->map);
      map = mapText;
    }
    fxParserHoist(&parser);
    fxParserBind(&parser);
    if (parser.errorCount == 0 && !problem[0]) script = fxParserCode(&parser);
  }
  if (!script && !problem[0])
    snprintf(problem, sizeof(problem), "%s:%d: %s", parser.path ? parser.path->string : image->path,
             (int)compat_parser_line(&parser), parser.errorMessage ? parser.errorMessage : "cannot be compiled");
  free(map);
  fxTerminateParser(&parser);
  return script;
}

/* Names the script's symbols in the root. Returns the table from its own numbers to the root's (caller frees). */
static txID *link_symbols(txMachine *the, txScript *script) {
  txByte *at = script->symbolsBuffer;
  txID count, *ids;
  mxDecodeID(at, count);
  ids = malloc((size_t)count * sizeof(txID));
  if (!ids) return NULL;
  ids[0] = XS_NO_ID;
  for (txID i = 1; i < count; i++) {
    ids[i] = fxNewNameC(the, (txString)at);
    at += strlen((char *)at) + 1;
  }
  return ids;
}

static txU1 archived(txU1 code) {
  switch (code) {
  case XS_CODE_CODE_1: return XS_CODE_CODE_ARCHIVE_1;
  case XS_CODE_CODE_2: return XS_CODE_CODE_ARCHIVE_2;
  case XS_CODE_CODE_4: return XS_CODE_CODE_ARCHIVE_4;
  case XS_CODE_STRING_1: return XS_CODE_STRING_ARCHIVE_1;
  case XS_CODE_STRING_2: return XS_CODE_STRING_ARCHIVE_2;
  case XS_CODE_STRING_4: return XS_CODE_STRING_ARCHIVE_4;
  default: return code;
  }
}

/*
 * Gives the bytecode the root's keys, makes it leave functions and strings where they are instead of copying them to
 * the heap, and collects its lines. gxCodeSizes says how to step: > 0 the size, 0 a key follows, < 0 a length follows.
 */
static void link_code(txScript *script, const txID *ids) {
  txByte *at = script->codeBuffer, *end = at + script->codeSize;
  txID file = XS_NO_ID;
  lines_begin(at, script->codeSize);
  while (at < end) {
    txByte *start = at;
    txU1 code = archived(*(txU1 *)at);
    txS1 size = gxCodeSizes[code];
    *(txU1 *)at++ = code;
    if (code == XS_CODE_LINE) {
      txU2 line;
      txByte *operand = at;
      mxDecode2(operand, line);
      if (line) lines_add(start, file, line); /* XS 17 marks generated code with 0 */
    }
    if (size > 0) at = start + size;
    else if (size == 0) {
      txID id;
      mxDecodeID(at, id);
      id = ids[id];
      at -= sizeof(txID);
      mxEncodeID(at, id);
      if (code == XS_CODE_FILE) file = id;
    } else if (size == -1) {
      txU1 length = *(txU1 *)at;
      at += 1 + length;
    } else if (size == -2) {
      txU2 length;
      mxDecode2(at, length);
      at += length;
    } else {
      txU4 length;
      mxDecode4(at, length);
      at += length;
    }
  }
}

static NativeFunction native(const char *name) {
  for (int i = 0; i < natives_count; i++)
    if (strcmp(natives_table[i].name, name) == 0) return natives_table[i].function;
  return NULL;
}

static bool link_hosts(Module *module, const txScript *script, const txID *ids) {
  txByte *at = script->hostsBuffer;
  txID count;
  if (!at) return true;
  mxDecodeID(at, count);
  module->hosts = calloc(count, sizeof(*module->hosts));
  if (!module->hosts) return false;
  module->hostCount = count;
  for (txID i = 0; i < count; i++) {
    txHostFunctionBuilder *host = &module->hosts[i];
    txID id;
    host->length = (txS1)*at++;
    mxDecodeID(at, id);
    host->id = id == XS_NO_ID ? XS_NO_ID : ids[id];
    host->callback = (txCallback)native((char *)at);
    if (!host->callback) {
      snprintf(problem, sizeof(problem), "%s: the engine has no native %s", module->image->path, (char *)at);
      return false;
    }
    at += strlen((char *)at) + 1;
  }
  return true;
}

/* The module's text; JSON is wrapped. */
static char *read_source(const char *path, size_t *size) {
  static const char before[] = "export default ", after[] = ";";
  char *text = image_read_file(path, size);
  if (!text || !ends(path, ".json")) return text;
  char *wrapped = malloc(*size + sizeof(before) + sizeof(after));
  if (wrapped) *size = (size_t)sprintf(wrapped, "%s%s%s", before, text, after);
  free(text);
  return wrapped;
}

const char *compile_module(txMachine *the, Module *module) {
  size_t size;
  char *text = read_source(module->image->path, &size);
  if (!text) {
    snprintf(problem, sizeof(problem), "%s: %s", module->image->path, strerror(errno));
    return problem;
  }
  txScript *script = parse(the, module->image, text, size);
  free(text);
  if (!script) return problem;
  txID *ids = link_symbols(the, script);
  bool linked = ids && link_hosts(module, script, ids);
  if (linked) link_code(script, ids);
  module->script = (txScript){
      .callback = module->hostCount ? modules_hosts : NULL,
      .codeBuffer = script->codeBuffer,
      .codeSize = script->codeSize,
      .path = (txString)module->image->specifier,
      .version = {XS_MAJOR_VERSION, XS_MINOR_VERSION, XS_PATCH_VERSION, 0},
  };
  script->codeBuffer = NULL; /* kept by the module */
  free(ids);
  fxDeleteScript(script);
  return linked ? NULL : problem[0] ? problem : "no memory";
}
