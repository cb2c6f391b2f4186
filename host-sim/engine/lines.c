/* Line tables, one a module; see lines.h. */
#include "lines.h"

typedef struct {
  txU4 offset;
  txID file;
  txU2 line;
} LineEntry;

typedef struct {
  const txByte *code;
  txSize size;
  LineEntry *entries;
  txSize count, capacity;
} LineTable;

static LineTable *tables;
static int tableCount;

void lines_begin(const txByte *code, txSize size) {
  LineTable *grown = realloc(tables, ((size_t)tableCount + 1) * sizeof(LineTable));
  if (!grown) return;
  tables = grown;
  tables[tableCount++] = (LineTable){.code = code, .size = size};
}

void lines_add(const txByte *at, txID file, txInteger line) {
  LineTable *table = &tables[tableCount - 1];
  if (table->count == table->capacity) {
    txSize capacity = table->capacity ? table->capacity * 2 : 64;
    LineEntry *grown = realloc(table->entries, (size_t)capacity * sizeof(LineEntry));
    if (!grown) return;
    table->entries = grown;
    table->capacity = capacity;
  }
  table->entries[table->count++] = (LineEntry){(txU4)(at - table->code), file, (txU2)line};
}

static const LineEntry *find(const txByte *at) {
  for (int i = 0; i < tableCount; i++) {
    const LineTable *table = &tables[i];
    if (at < table->code || at >= table->code + table->size) continue;
    txU4 offset = (txU4)(at - table->code);
    const LineEntry *found = NULL;
    for (txSize j = 0; j < table->count && table->entries[j].offset <= offset; j++) found = &table->entries[j];
    return found;
  }
  return NULL;
}

void lines_capture(txMachine *the, txSlot *internal, txSlot *frame) {
  txSlot *inner = NULL;
  for (txSlot *at = the->frame; at && at->next; inner = at, at = at->next) {
    /* A frame's own position is saved in the frame it called, the innermost one's in the machine. */
    const txByte *code = inner ? inner->value.frame.code : the->code;
    const LineEntry *entry = code ? find(code) : NULL;
    txSlot *environment = mxFrameToEnvironment(at);
    if (entry && !(at->flag & XS_C_FLAG)) {
      environment->ID = entry->file;
      environment->value.environment.line = entry->line;
    }
  }
  fxCaptureErrorStack(the, internal, frame);
}
