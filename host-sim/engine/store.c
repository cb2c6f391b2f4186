/* The flash file; see store.h for its format. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "meters.h"
#include "supply.h"

static const char magic[8] = {'D', 'M', 'F', 'L', 'A', 'S', 'H', '1'};
enum { headBytes = 7, crcBytes = 4 };

static struct {
  const char *path;
  size_t capacity;
  StoreEntry *entries; /* sorted by domain, then key */
} store;

static uint32_t crc32(const uint8_t *bytes, size_t size) {
  uint32_t crc = 0xFFFFFFFF;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xEDB88320 & (0U - (crc & 1)));
  }
  return ~crc;
}

/* Before free(), where a compiler leaves memset() out. */
static void wipe(void *memory, size_t size) {
  for (volatile uint8_t *byte = memory; size; size--) *byte++ = 0;
}

static uint32_t read32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void write32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint8_t *map_value(const void *value, uint32_t size) {
  uint8_t *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (pages == MAP_FAILED) return NULL;
  memcpy(pages, value, size);
  mprotect(pages, size, PROT_READ);
  return pages;
}

static void discard(StoreEntry *entry) {
  if (!entry) return;
  if (entry->value) munmap((void *)(uintptr_t)entry->value, entry->size);
  free(entry);
}

static StoreEntry *new_entry(const char *domain, size_t domainSize, const char *key, size_t keySize, StoreType type,
                             const void *value, uint32_t size) {
  StoreEntry *entry = calloc(1, sizeof(*entry));
  if (!entry) return NULL;
  memcpy(entry->domain, domain, domainSize);
  memcpy(entry->key, key, keySize);
  entry->type = type;
  entry->size = size;
  if (size && !(entry->value = map_value(value, size))) {
    free(entry);
    return NULL;
  }
  return entry;
}

static int compare(const StoreEntry *entry, const char *domain, const char *key) {
  int order = strcmp(entry->domain, domain);
  return order ? order : strcmp(entry->key, key);
}

/* Where the entry is, or where it would be. */
static StoreEntry **place(const char *domain, const char *key) {
  StoreEntry **at = &store.entries;
  while (*at && compare(*at, domain, key) < 0) at = &(*at)->next;
  return at;
}

static bool parse(const uint8_t *bytes, size_t size) {
  if (size < sizeof(magic) + crcBytes || memcmp(bytes, magic, sizeof(magic)) != 0) return false;
  size -= crcBytes;
  if (crc32(bytes, size) != read32(bytes + size)) return false;
  for (size_t at = sizeof(magic); at < size;) {
    if (size - at < headBytes) return false;
    const uint8_t *head = bytes + at;
    size_t domain = head[1], key = head[2];
    uint32_t length = read32(head + 3);
    if (head[0] < storeBuffer || head[0] > storeInt64 || !domain || !key || domain > storeNameMax || key > storeNameMax)
      return false;
    at += headBytes;
    if (size - at < domain + key || size - at - domain - key < length) return false;
    StoreEntry *entry = new_entry((const char *)bytes + at, domain, (const char *)bytes + at + domain, key,
                                  (StoreType)head[0], bytes + at + domain + key, length);
    if (!entry) return false;
    StoreEntry **where = place(entry->domain, entry->key);
    entry->next = *where;
    *where = entry;
    at += domain + key + length;
  }
  return true;
}

static bool load(char *problem, size_t problemSize) {
  size_t size = 0;
  if (!store.path || access(store.path, F_OK) != 0) return true; /* an erased flash */
  char *bytes = image_read_file(store.path, &size);
  bool ok = bytes && parse((const uint8_t *)bytes, size);
  if (!ok) {
    const char *why = bytes ? "no flash image, or a damaged one" : strerror(errno);
    snprintf(problem, problemSize, "%s: %s", store.path, why);
  }
  if (bytes) wipe(bytes, size);
  free(bytes);
  return ok;
}

bool store_start(const char *path, size_t capacity, char *problem, size_t problemSize) {
  store.path = path;
  store.capacity = capacity;
  return load(problem, problemSize);
}

static void erase(void) {
  while (store.entries) {
    StoreEntry *entry = store.entries;
    store.entries = entry->next;
    discard(entry);
  }
}

bool store_reload(void) {
  char problem[256];
  erase();
  if (load(problem, sizeof(problem))) return true;
  erase();
  return false;
}

static size_t file_bytes(void) {
  size_t size = sizeof(magic) + crcBytes;
  for (StoreEntry *entry = store.entries; entry; entry = entry->next)
    size += headBytes + strlen(entry->domain) + strlen(entry->key) + entry->size;
  return size;
}

static void serialize(uint8_t *bytes, size_t size) {
  uint8_t *at = bytes + sizeof(magic);
  memcpy(bytes, magic, sizeof(magic));
  for (StoreEntry *entry = store.entries; entry; entry = entry->next) {
    size_t domain = strlen(entry->domain), key = strlen(entry->key);
    at[0] = (uint8_t)entry->type;
    at[1] = (uint8_t)domain;
    at[2] = (uint8_t)key;
    write32(at + 3, entry->size);
    memcpy(at + headBytes, entry->domain, domain);
    memcpy(at + headBytes + domain, entry->key, key);
    if (entry->size) memcpy(at + headBytes + domain + key, entry->value, entry->size);
    at += headBytes + domain + key + entry->size;
  }
  write32(at, crc32(bytes, size - crcBytes));
}

static bool write_file(const uint8_t *bytes, size_t size) {
  char temporary[4096];
  if (snprintf(temporary, sizeof(temporary), "%s.new", store.path) >= (int)sizeof(temporary)) return false;
  int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0) return false;
  bool ok = fchmod(file, 0600) == 0;
  for (size_t done = 0; ok && done < size;) {
    ssize_t count = write(file, bytes + done, size - done);
    if (count > 0) done += (size_t)count;
    else ok = count < 0 && errno == EINTR;
  }
  ok = close(file) == 0 && ok;
  ok = ok && rename(temporary, store.path) == 0;
  if (!ok) unlink(temporary);
  return ok;
}

/* The write does not happen, and nothing more does: whoever gets this puts back what it has changed, and cuts. */
static const char powerGone[] = "no power";

static const char *commit(void) {
  size_t size = file_bytes();
  if (size > store.capacity) return "flash full";
  if (!store.path) return "no flash";
  if (supply_left(1) == 0) return powerGone;
  uint8_t *bytes = malloc(size);
  if (!bytes) return "flash write failed";
  serialize(bytes, size);
  bool ok = write_file(bytes, size);
  wipe(bytes, size);
  free(bytes);
  meters.flashWrites++;
  supply_spent(1);
  return ok ? NULL : "flash write failed";
}

const StoreEntry *store_find(const char *domain, const char *key) {
  StoreEntry *entry = *place(domain, key);
  return entry && compare(entry, domain, key) == 0 ? entry : NULL;
}

const StoreEntry *store_next(const char *domain, const char *previous) {
  StoreEntry *entry = *place(domain, previous ? previous : "");
  if (entry && previous && compare(entry, domain, previous) == 0) entry = entry->next;
  return entry && strcmp(entry->domain, domain) == 0 ? entry : NULL;
}

static StoreFault faulty;

void store_fault(StoreFault fault) { faulty = fault; }

const char *store_set(const char *domain, const char *key, StoreType type, const void *value, uint32_t size) {
  if (faulty == storeLoses) return NULL;
  if (faulty == storeIsFull) return "flash full";
  StoreEntry **at = place(domain, key);
  StoreEntry *old = *at && compare(*at, domain, key) == 0 ? *at : NULL;
  StoreEntry *entry = new_entry(domain, strlen(domain), key, strlen(key), type, value, size);
  if (!entry) return "flash write failed";
  entry->next = old ? old->next : *at;
  *at = entry;
  const char *problem = commit();
  if (!problem) {
    discard(old);
    return NULL;
  }
  *at = old ? old : entry->next;
  discard(entry);
  if (problem == powerGone) supply_cut();
  return problem;
}

const char *store_delete(const char *domain, const char *key) {
  StoreEntry **at = place(domain, key);
  StoreEntry *old = *at && compare(*at, domain, key) == 0 ? *at : NULL;
  if (!old) return NULL;
  *at = old->next;
  const char *problem = commit();
  if (problem) *at = old;
  else discard(old);
  if (problem == powerGone) supply_cut();
  return problem;
}
