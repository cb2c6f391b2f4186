/* Natives of `embedded:storage/key-value` over the flash file (store.h). They keep no state. */
#include <string.h>

#include "store.h"
#include "xs-compat.h"
#include "xsmc.h"

typedef struct {
  char domain[storeNameMax + 1], key[storeNameMax + 1];
} Names;

static void copy_name(xsMachine *the, xsSlot *slot, char *into) {
  const char *text = xsmcToString(*slot);
  size_t size = strlen(text);
  if (size < 1) xsUnknownError("invalid");
  if (size > storeNameMax) xsUnknownError("ESP_ERR_NVS_KEY_TOO_LONG");
  memcpy(into, text, size + 1);
}

static Names names(xsMachine *the) {
  Names result;
  copy_name(the, &xsArg(0), result.domain);
  copy_name(the, &xsArg(1), result.key);
  return result;
}

void xs_key_value_check(xsMachine *the) {
  char name[storeNameMax + 1];
  copy_name(the, &xsArg(0), name);
}

/* Numbers are little-endian in flash, of their format's size. */
static uint64_t load(const StoreEntry *entry) {
  uint64_t value = 0;
  for (uint32_t i = 0; i < entry->size && i < 8; i++) value |= (uint64_t)entry->value[i] << (8 * i);
  return value;
}

static void set_number(xsMachine *the, StoreType type, uint64_t value) {
  switch (type) {
  case storeInt8: xsmcSetInteger(xsResult, (int8_t)value); break;
  case storeInt16: xsmcSetInteger(xsResult, (int16_t)value); break;
  case storeInt32: xsmcSetInteger(xsResult, (int32_t)value); break;
  case storeUint8:
  case storeUint16: xsmcSetInteger(xsResult, (xsIntegerValue)value); break;
  case storeUint32: xsmcSetNumber(xsResult, (double)value); break;
  case storeInt64: fxFromBigInt64(the, &xsResult, (txS8)value); break;
  default: fxFromBigUint64(the, &xsResult, value); break;
  }
}

void xs_key_value_read(xsMachine *the) {
  Names name = names(the);
  StoreType type = (StoreType)xsmcToInteger(xsArg(2));
  const StoreEntry *entry = store_find(name.domain, name.key);
  if (!entry) return;
  if (entry->type != type) xsTypeError("mismatch");
  if (type == storeBuffer) xsmcSetArrayBuffer(xsResult, (void *)(uintptr_t)entry->value, (xsIntegerValue)entry->size);
  else if (type == storeString)
    xsmcSetStringBuffer(xsResult, (char *)(uintptr_t)entry->value, (xsIntegerValue)entry->size);
  else set_number(the, type, load(entry));
}

static uint64_t number_of(xsMachine *the, StoreType type) {
  if (type == storeInt64) return (uint64_t)fxToBigInt64(the, &xsArg(3));
  if (type == storeUint64) return fxToBigUint64(the, &xsArg(3));
  xsNumberValue number = xsmcToNumber(xsArg(3));
  if (!(number > -9e15 && number < 9e15)) xsRangeError("no integer");
  return (uint64_t)(int64_t)number;
}

void xs_key_value_write(xsMachine *the) {
  static const uint8_t sizes[] = {[storeUint8] = 1, [storeInt8] = 1,   [storeUint16] = 2, [storeInt16] = 2,
                                  [storeUint32] = 4, [storeInt32] = 4, [storeUint64] = 8, [storeInt64] = 8};
  Names name = names(the);
  StoreType type = (StoreType)xsmcToInteger(xsArg(2));
  uint8_t bytes[8];
  void *value = bytes;
  xsUnsignedValue size;
  if (type == storeBuffer) xsmcGetBufferReadable(xsArg(3), &value, &size);
  else if (type == storeString) {
    value = xsmcToString(xsArg(3));
    size = (xsUnsignedValue)strlen(value);
  } else {
    uint64_t number = number_of(the, type);
    size = sizes[type];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(number >> (8 * i));
  }
  const char *problem = store_set(name.domain, name.key, type, value, size);
  if (problem) xsUnknownError((char *)(uintptr_t)problem);
}

void xs_key_value_delete(xsMachine *the) {
  Names name = names(the);
  const char *problem = store_delete(name.domain, name.key);
  if (problem) xsUnknownError((char *)(uintptr_t)problem);
}

void xs_key_value_next(xsMachine *the) {
  Names name;
  bool first = xsmcTypeOf(xsArg(1)) == xsUndefinedType;
  copy_name(the, &xsArg(0), name.domain);
  if (!first) copy_name(the, &xsArg(1), name.key);
  const StoreEntry *entry = store_next(name.domain, first ? NULL : name.key);
  if (entry) xsmcSetString(xsResult, (char *)(uintptr_t)entry->key);
}
