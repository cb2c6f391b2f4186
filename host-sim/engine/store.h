/*
 * The board's flash as its key-value store sees it (NVS on ESP32): entries (domain, key, type, value) in one file.
 *
 * File: "DMFLASH1", then for each entry  u8 type, u8 domain length, u8 key length, u32 value length, domain, key, value,
 * and at the end the CRC-32 (IEEE) of all before it. Numbers are little-endian. Types: see StoreType; integers are kept
 * in their own size. Domain and key are 1 to 15 bytes. Every change is committed: the whole file is written to a
 * temporary file (mode 0600) and renamed: whatever interrupts it leaves the old content or the new.
 */
#ifndef DORMOUSE_STORE_H
#define DORMOUSE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
  storeBuffer = 1,
  storeString = 2,
  storeUint8 = 3,
  storeInt8 = 4,
  storeUint16 = 5,
  storeInt16 = 6,
  storeUint32 = 7,
  storeInt32 = 8,
  storeUint64 = 9,
  storeInt64 = 10,
} StoreType;

enum { storeNameMax = 15 };

typedef struct StoreEntry StoreEntry;
struct StoreEntry {
  StoreEntry *next;
  StoreType type;
  char domain[storeNameMax + 1];
  char key[storeNameMax + 1];
  uint32_t size;
  const uint8_t *value; /* in pages of its own that nobody can write: flash is not RAM, where keys are looked for */
};

/* Opens the store (path NULL: no flash). Returns false with one line in `problem` when the file is damaged. */
bool store_start(const char *path, size_t capacity, char *problem, size_t problemSize);

/* Reads the file again, which has been replaced. Returns false when it is damaged: flash is erased then. */
bool store_reload(void);

/* Finds an entry; it is the store's and lives until the next change. */
const StoreEntry *store_find(const char *domain, const char *key);

/* The entry of `domain` after `previous` (NULL: the first), in the order of their keys. */
const StoreEntry *store_next(const char *domain, const char *previous);

/* Sets an entry and commits. Returns NULL or why not: "flash full", "flash write failed". On failure nothing changed. */
const char *store_set(const char *domain, const char *key, StoreType type, const void *value, uint32_t size);

/* Deletes an entry, if there is one, and commits. Returns NULL or why not. */
const char *store_delete(const char *domain, const char *key);

/* What becomes of writes: they succeed, are silently lost, or fail because flash is full. */
typedef enum { storeKeeps, storeLoses, storeIsFull } StoreFault;
void store_fault(StoreFault fault);

#endif
