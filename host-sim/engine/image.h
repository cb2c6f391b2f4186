/*
 * The image: what is "flashed" on the simulated board. A text file of tab-separated lines:
 *   board     NAME
 *   creation  KEY=NUMBER ... main=SPECIFIER          the XS machine's limits, as in mcconfig's `creation`
 *   rtc       BYTES
 *   clock     keeps|forgets                          whether it runs on in deep sleep; keeps when not said
 *   flash     FILE  BYTES
 *   module    SPECIFIER  preload|load  FILE  MAP|-
 * Everything an Image points to lives until the process ends.
 */
#ifndef DORMOUSE_IMAGE_H
#define DORMOUSE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
  int staticBytes;
  int chunkInitial, chunkIncremental;
  int heapInitial, heapIncremental;
  int stack;
  int keysInitial, keysIncremental;
  int nameModulo, symbolModulo;
  int parserBuffer, parserTable;
} ImageLimits;

typedef struct {
  const char *specifier;
  bool preload;
  const char *path;
  const char *map; /* NULL: none */
} ImageModule;

typedef struct {
  const char *board;
  const char *main;
  ImageLimits limits;
  size_t rtcBytes;
  bool clockForgets;
  const char *flashPath; /* NULL: no flash */
  size_t flashBytes;
  ImageModule *modules;
  size_t moduleCount;
} Image;

/* Reads the image file. Returns it, or NULL with one line in `problem`. */
const Image *image_read(const char *path, char *problem, size_t problemSize);

/* Reads a whole file. Returns its bytes followed by a NUL (the caller frees them), NULL when unreadable. */
char *image_read_file(const char *path, size_t *size);

#endif
