/* Memory of the machines; see machine.h. XS calls fxAllocate… and fxFree… here. */
#include "machine.h"

#include <sys/mman.h>

enum { hostScale = sizeof(void *) / 4, stackPaint = 0xA5, paintedRun = 12 };

double machine_board_bytes(double bytes) { return bytes / hostScale; }

typedef struct {
  size_t size;
  size_t unused; /* keeps what follows aligned for slots */
} MapHead;

/*
 * Memory at a low address, as a board's is: XS compares `current + size` with limits, and in the upper half of a
 * 32-bit address space a huge size would wrap round and pass.
 */
static int mapped; /* areas in use: none between boots */

static void *map(size_t size) {
  void *hint = (void *)(0x48000000 + (uintptr_t)mapped * 0x1000000);
  MapHead *head = mmap(hint, size + sizeof(MapHead), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (head == MAP_FAILED) return NULL;
  head->size = size + sizeof(MapHead);
  mapped++;
  return head + 1;
}

static void unmap(void *memory) {
  if (!memory) return;
  MapHead *head = (MapHead *)memory - 1;
  munmap(head, head->size);
  mapped--;
}

static Machine *machine_of(const txMachine *the) { return the->host; }

void fxCreateMachinePlatform(txMachine *the) { the->host = the->context; }

void fxDeleteMachinePlatform(txMachine *the) { (void)the; }

/* Chunks have the low end. A block that reaches it grows in place, its unused rest counting towards what is asked. */
static void *allocate_low(Machine *machine, txBlock *block, txSize size) {
  size_t available = (size_t)(machine->high - machine->low);
  size_t needed = (size_t)size;
  if (block) {
    size_t spare = sizeof(txBlock) + (size_t)(block->limit - block->current);
    needed = needed > spare ? needed - spare : 0;
  }
  if (needed > available) return NULL;
  machine->low += needed;
  if (!block) return machine->low - needed;
  /* XS adds `size` to the limit of the block that ends where the memory it gets begins. */
  block->limit = (txByte *)machine->low - size;
  machine->the->maximumChunksSize += (txSize)needed - size;
  return block->limit;
}

void *fxAllocateChunks(txMachine *the, txSize size) {
  Machine *machine = machine_of(the);
  if (!machine) return malloc((size_t)size);
  if (!machine->area) return map((size_t)size);
  machine->the = the;
  void *chunks = allocate_low(machine, the->firstBlock, size);
  if (!chunks) machine->exhausted = "chunk memory";
  return chunks;
}

/* Takes back what the chunks' block does not use now, after compacting it. */
static void reclaim_low(Machine *machine) {
  txMachine *the = machine->the;
  fxCollect(the, XS_COMPACT_FLAG | XS_ORGANIC_FLAG);
  txBlock *block = the->firstBlock;
  the->maximumChunksSize -= (txSize)(block->limit - block->current);
  block->limit = block->current;
  machine->low = (uint8_t *)block->current;
}

txSlot *fxAllocateSlots(txMachine *the, txSize count) {
  Machine *machine = machine_of(the);
  size_t bytes = (size_t)count * sizeof(txSlot);
  if (!machine) return malloc(bytes);
  if (!machine->area) return map(bytes);
  if ((size_t)(machine->high - machine->low) < bytes && the->firstHeap) reclaim_low(machine);
  if ((size_t)(machine->high - machine->low) < bytes) {
    machine->exhausted = the->stackBottom ? "slot memory" : "stack memory";
    return NULL;
  }
  machine->high -= bytes;
  return (txSlot *)(void *)machine->high;
}

void fxFreeChunks(txMachine *the, void *chunks) {
  Machine *machine = machine_of(the);
  if (!machine) free(chunks);
  else if (!machine->area) unmap(chunks);
}

void fxFreeSlots(txMachine *the, void *slots) {
  Machine *machine = machine_of(the);
  if (!machine) free(slots);
  else if (!machine->area) unmap(slots);
}

bool machine_start(Machine *machine, txMachine *root, const Image *image) {
  const ImageLimits *limits = &image->limits;
  txCreation creation = {
      .initialChunkSize = limits->chunkInitial * hostScale,
      .incrementalChunkSize = limits->chunkIncremental * hostScale,
      .initialHeapCount = limits->heapInitial,
      .incrementalHeapCount = limits->heapIncremental,
      .stackCount = limits->stack,
      .initialKeyCount = limits->keysInitial,
      .incrementalKeyCount = limits->keysIncremental,
      .nameModulo = limits->nameModulo,
      .symbolModulo = limits->symbolModulo,
      .parserBufferSize = limits->parserBuffer,
      .parserTableModulo = limits->parserTable,
      .staticSize = limits->staticBytes * hostScale,
  };
  memset(machine, 0, sizeof(*machine));
  if (limits->staticBytes) {
    machine->areaBytes = (size_t)creation.staticSize & ~(size_t)15;
    machine->area = map(machine->areaBytes);
    if (!machine->area) return false;
    machine->low = machine->area;
    machine->high = machine->area + machine->areaBytes;
  }
  machine->the = fxCloneMachine(&creation, root, "board", machine);
  if (!machine->the) {
    if (!machine->exhausted) machine->exhausted = "memory";
    unmap(machine->area);
    machine->area = NULL;
    return false;
  }
  txMachine *the = machine->the;
  memset(the->stackBottom, stackPaint, (size_t)((uint8_t *)the->stack - (uint8_t *)the->stackBottom));
  return true;
}

static bool is_painted(const txSlot *slot) {
  const uint8_t *bytes = (const uint8_t *)slot;
  for (size_t i = 0; i < sizeof(*slot); i++)
    if (bytes[i] != stackPaint) return false;
  return true;
}

/*
 * How deep the stack ever went: down to where a run of slots still wears its paint. The far end does not count, XS
 * borrows it for converting numbers.
 */
static double stack_slots(const txMachine *the) {
  const txSlot *used = the->stackTop;
  int painted = 0;
  for (const txSlot *at = the->stackTop - 1; at >= the->stackBottom && painted < paintedRun; at--) {
    if (is_painted(at)) painted++;
    else {
      painted = 0;
      used = at;
    }
  }
  return (double)(the->stackTop - used);
}

void machine_read(const Machine *machine, MachineMeters *meters) {
  const txMachine *the = machine->the;
  meters->slotBytes = machine_board_bytes((double)the->peakHeapCount * sizeof(txSlot));
  meters->chunkBytes = machine_board_bytes((double)the->peakChunksSize);
  meters->stackBytes = machine_board_bytes(stack_slots(the) * sizeof(txSlot));
  meters->bytecodes = compat_bytecodes(the);
}

void machine_stop(Machine *machine) {
  fxDeleteMachine(machine->the);
  unmap(machine->area);
  memset(machine, 0, sizeof(*machine));
}
