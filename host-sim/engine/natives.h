/* The natives that `@ "name"` in a module can mean. The table is generated from those modules (setup/engine.mjs). */
#ifndef DORMOUSE_NATIVES_H
#define DORMOUSE_NATIVES_H

typedef void (*NativeFunction)(void);

typedef struct {
  const char *name;
  NativeFunction function;
} Native;

extern const Native natives_table[];
extern const int natives_count;

#endif
