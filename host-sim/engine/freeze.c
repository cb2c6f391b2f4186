/* The freeze pass over the root's heap; see root.h. */
#include "root.h"

typedef void (*SlotVisitor)(txMachine *the, txSlot *slot);

static void each_slot(txMachine *the, SlotVisitor visit) {
  for (txSlot *heap = the->firstHeap; heap; heap = heap->next)
    for (txSlot *slot = heap + 1; slot < heap->value.reference; slot++)
      if (slot->kind != XS_UNDEFINED_KIND || slot->flag) visit(the, slot);
}

/* No property can be added, changed or removed. Accessors keep working. */
static void freeze_instance(txSlot *instance) {
  for (txSlot *property = instance->next; property; property = property->next) {
    if (property->kind != XS_ACCESSOR_KIND) property->flag |= XS_DONT_SET_FLAG;
    property->flag |= XS_DONT_DELETE_FLAG;
  }
  instance->flag |= XS_DONT_PATCH_FLAG;
}

static bool is_function(const txSlot *internal) {
  return internal->kind == XS_CALLBACK_KIND || internal->kind == XS_CALLBACK_X_KIND ||
         internal->kind == XS_CODE_KIND || internal->kind == XS_CODE_X_KIND;
}

static bool is_global(txMachine *the, const txSlot *instance) {
  return mxGlobal.kind == XS_REFERENCE_KIND && mxGlobal.value.reference == instance;
}

static void freeze_built_in(txMachine *the, txSlot *slot) {
  const txSlot *internal = slot->next;
  if (slot->kind != XS_INSTANCE_KIND || is_global(the, slot)) return;
  if (internal && (internal->kind == XS_MODULE_KIND || internal->kind == XS_PROGRAM_KIND)) return;
  if (slot->value.instance.prototype || (internal && internal->ID != XS_NO_ID)) freeze_instance(slot);
}

void freeze_built_ins(txMachine *the) { each_slot(the, freeze_built_in); }

/* What an instance hides: the content of buffers, maps and dates, and private fields. */
static void freeze_content(txSlot *instance) {
  for (txSlot *property = instance->next; property && (property->flag & XS_INTERNAL_FLAG); property = property->next) {
    switch (property->kind) {
    case XS_ARRAY_BUFFER_KIND:
    case XS_DATE_KIND:
    case XS_MAP_KIND:
    case XS_REGEXP_KIND:
    case XS_SET_KIND:
    case XS_WEAK_MAP_KIND:
    case XS_WEAK_SET_KIND:
      property->flag |= XS_DONT_SET_FLAG;
      break;
    case XS_PRIVATE_KIND:
      for (txSlot *field = property->value.private.first; field; field = field->next) {
        if (field->kind != XS_ACCESSOR_KIND) field->flag |= XS_DONT_SET_FLAG;
        field->flag |= XS_DONT_DELETE_FLAG;
      }
      break;
    default:
      break;
    }
  }
}

static void freeze_function(txMachine *the, txSlot *instance) {
  (void)the; /* mxID does not use it in XS 13 */
  freeze_instance(instance);
  if (!(instance->flag & XS_CAN_CONSTRUCT_FLAG)) return;
  for (txSlot *property = instance->next; property; property = property->next)
    if (property->ID == mxID(_prototype) && property->kind == XS_REFERENCE_KIND)
      freeze_instance(property->value.reference);
}

static void freeze_made(txMachine *the, txSlot *slot) {
  txSlot *internal = slot->next;
  if (slot->kind != XS_INSTANCE_KIND || !internal || !(internal->flag & XS_INTERNAL_FLAG)) return;
  if (internal->ID == XS_ENVIRONMENT_BEHAVIOR) freeze_instance(slot);
  else if (is_function(internal)) freeze_function(the, slot);
  else
    switch (internal->kind) {
    case XS_ARRAY_BUFFER_KIND:
    case XS_DATA_VIEW_KIND:
    case XS_MAP_KIND:
    case XS_PROXY_KIND:
    case XS_REGEXP_KIND:
    case XS_SET_KIND:
    case XS_TYPED_ARRAY_KIND:
    case XS_WEAK_MAP_KIND:
    case XS_WEAK_REF_KIND:
    case XS_WEAK_SET_KIND:
      freeze_instance(slot);
      break;
    case XS_PROMISE_KIND:
      freeze_instance(slot);
      if (internal->next && internal->next->kind == XS_REFERENCE_KIND) freeze_instance(internal->next->value.reference);
      break;
    case XS_CLOSURE_KIND:
      if (internal->value.closure->kind == XS_FINALIZATION_REGISTRY_KIND) freeze_instance(slot);
      break;
    default:
      break;
    }
}

/* An instance that cannot change, be it by this pass or by Object.freeze, protects its content too. */
static void freeze_frozen(txMachine *the, txSlot *slot) {
  (void)the;
  if (slot->kind == XS_INSTANCE_KIND && (slot->flag & XS_DONT_PATCH_FLAG)) freeze_content(slot);
}

/* A variable that holds a function is a constant (a class or function declaration, nearly always). */
static void freeze_variable(txMachine *the, txSlot *slot) {
  (void)the;
  if (slot->kind != XS_CLOSURE_KIND || !slot->value.closure) return;
  txSlot *closure = slot->value.closure;
  if (closure->kind == XS_REFERENCE_KIND) {
    txSlot *internal = closure->value.reference->next;
    if (internal && is_function(internal)) closure->flag |= XS_DONT_SET_FLAG;
  }
#if mxHostFunctionPrimitive
  else if (closure->kind == XS_HOST_FUNCTION_KIND)
    closure->flag |= XS_DONT_SET_FLAG;
#endif
}

void freeze_root(txMachine *the) {
  each_slot(the, freeze_made);
  each_slot(the, freeze_frozen);
  each_slot(the, freeze_variable);
}

static void kind_of_value(txMachine *the, txSlot *slot) {
  (void)the;
  switch (slot->kind) {
  case XS_STRING_KIND: slot->kind = XS_STRING_X_KIND; break;
  case XS_BIGINT_KIND: slot->kind = XS_BIGINT_X_KIND; break;
  case XS_CODE_KIND: slot->kind = XS_CODE_X_KIND; break;
  case XS_KEY_KIND: slot->kind = XS_KEY_X_KIND; break;
  default: break;
  }
}

static void kind_of_slot(txMachine *the, txSlot *slot) {
  kind_of_value(the, slot);
  if (slot->kind == XS_ARRAY_KIND && slot->value.array.address) {
    txIndex count = fxGetIndexSize(the, slot);
    for (txIndex i = 0; i < count; i++) kind_of_value(the, slot->value.array.address + i);
  }
}

void freeze_kinds(txMachine *the) {
  each_slot(the, kind_of_slot);
  for (txSlot *slot = the->stack; slot < the->stackTop; slot++) kind_of_value(the, slot);
}
