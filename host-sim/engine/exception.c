/* Reads name, message and stack of an error straight from its slots; see exception.h. */
#include "exception.h"

static const char *own_string(const txSlot *instance, txID id) {
  for (const txSlot *slot = instance->next; slot; slot = slot->next)
    if (slot->ID == id && !(slot->flag & XS_INTERNAL_FLAG) &&
        (slot->kind == XS_STRING_KIND || slot->kind == XS_STRING_X_KIND))
      return slot->value.string;
  return NULL;
}

/* The string an instance or its prototypes have under `id`. */
static const char *string_of(const txSlot *instance, txID id) {
  for (int depth = 0; instance && depth < 8; depth++, instance = instance->value.instance.prototype) {
    const char *string = own_string(instance, id);
    if (string) return string;
  }
  return NULL;
}

static void describe_frames(txMachine *the, const txSlot *info, ExceptionText *text) {
  for (const txSlot *frame = info ? info->next : NULL; frame && text->frameCount < exceptionFrames; frame = frame->next) {
    char *line = text->frames[text->frameCount];
    const char *file = frame->ID != XS_NO_ID ? fxGetKeyName(the, frame->ID) : NULL;
    const char *name = frame->value.key.string;
    if (!file) continue;
    snprintf(line, sizeof(text->frames[0]), "%s%s%s:%d", name ? name : "", name && *name ? " " : "", file,
             (int)frame->value.key.sum);
    text->frameCount++;
  }
}

static void describe_error(txMachine *the, const txSlot *instance, ExceptionText *text) {
  const txSlot *internal = instance->next;
  const char *name = string_of(instance, mxID(_name));
  const char *message = string_of(instance, mxID(_message));
  if (internal && internal->kind == XS_ERROR_KIND) describe_frames(the, internal->value.error.info, text);
  const char *at = text->frameCount ? strrchr(text->frames[0], ' ') : NULL;
  at = at ? at + 1 : text->frameCount ? text->frames[0] : NULL;
  snprintf(text->message, sizeof(text->message), "%s%s%s%s%s%s", name ? name : "object", message && *message ? ": " : "",
           message ? message : "", at ? " (" : "", at ? at : "", at ? ")" : "");
}

void exception_describe(txMachine *the, ExceptionText *text) {
  const txSlot *slot = &mxException;
  memset(text, 0, sizeof(*text));
  switch (slot->kind) {
  case XS_STRING_KIND:
  case XS_STRING_X_KIND:
    snprintf(text->message, sizeof(text->message), "%s", slot->value.string);
    break;
  case XS_INTEGER_KIND:
    snprintf(text->message, sizeof(text->message), "%d", (int)slot->value.integer);
    break;
  case XS_NUMBER_KIND:
    snprintf(text->message, sizeof(text->message), "%g", slot->value.number);
    break;
  case XS_BOOLEAN_KIND:
    snprintf(text->message, sizeof(text->message), "%s", slot->value.boolean ? "true" : "false");
    break;
  case XS_NULL_KIND:
    snprintf(text->message, sizeof(text->message), "null");
    break;
  case XS_REFERENCE_KIND:
    describe_error(the, slot->value.reference, text);
    break;
  default:
    snprintf(text->message, sizeof(text->message), "undefined");
    break;
  }
}
