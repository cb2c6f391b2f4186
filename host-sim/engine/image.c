/* Reads the image file; see image.h for its format. Refuses what it does not know, naming the line. */
#include "image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { maxFields = 32 };

typedef struct {
  const char *key;
  size_t offset;
} LimitName;

#define LIMIT(KEY, FIELD) {KEY, offsetof(ImageLimits, FIELD)}
static const LimitName limitNames[] = {
    LIMIT("static", staticBytes),        LIMIT("chunkInitial", chunkInitial),
    LIMIT("chunkIncremental", chunkIncremental), LIMIT("heapInitial", heapInitial),
    LIMIT("heapIncremental", heapIncremental),   LIMIT("stack", stack),
    LIMIT("keysInitial", keysInitial),   LIMIT("keysIncremental", keysIncremental),
    LIMIT("name", nameModulo),           LIMIT("symbol", symbolModulo),
    LIMIT("parserBuffer", parserBuffer), LIMIT("parserTable", parserTable),
};

char *image_read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  long length;
  if (!file) return NULL;
  setvbuf(file, NULL, _IONBF, 0); /* no second copy in memory: it may be the flash with its keys */
  if (fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0 &&
      (text = malloc((size_t)length + 1)) != NULL) {
    *size = fread(text, 1, (size_t)length, file);
    text[*size] = 0;
    if (*size != (size_t)length) {
      free(text);
      text = NULL;
    }
  }
  fclose(file);
  return text;
}

static bool parse_number(const char *text, int *value) {
  char *end;
  errno = 0;
  long number = strtol(text, &end, 10);
  if (errno || end == text || *end || number < 0 || number > 0x7FFFFFF) return false;
  *value = (int)number;
  return true;
}

static bool parse_limit(Image *image, const char *field) {
  const char *equals = strchr(field, '=');
  if (!equals) return false;
  size_t length = (size_t)(equals - field);
  if (length == 4 && memcmp(field, "main", 4) == 0) {
    image->main = equals + 1;
    return true;
  }
  for (size_t i = 0; i < sizeof(limitNames) / sizeof(limitNames[0]); i++)
    if (strlen(limitNames[i].key) == length && memcmp(limitNames[i].key, field, length) == 0)
      return parse_number(equals + 1, (int *)(void *)((char *)&image->limits + limitNames[i].offset));
  return false;
}

static bool parse_module(Image *image, char **field, int count) {
  if (count != 5) return false;
  ImageModule module = {.specifier = field[1], .path = field[3], .map = field[4]};
  if (strcmp(field[2], "preload") == 0) module.preload = true;
  else if (strcmp(field[2], "load") != 0) return false;
  if (strcmp(module.map, "-") == 0) module.map = NULL;
  ImageModule *modules = realloc(image->modules, (image->moduleCount + 1) * sizeof(module));
  if (!modules) return false;
  image->modules = modules;
  modules[image->moduleCount++] = module;
  return true;
}

static bool parse_line(Image *image, char **field, int count) {
  int number;
  if (strcmp(field[0], "board") == 0 && count == 2) image->board = field[1];
  else if (strcmp(field[0], "creation") == 0) {
    for (int i = 1; i < count; i++)
      if (!parse_limit(image, field[i])) return false;
  } else if (strcmp(field[0], "rtc") == 0 && count == 2) {
    if (!parse_number(field[1], &number)) return false;
    image->rtcBytes = (size_t)number;
  } else if (strcmp(field[0], "clock") == 0 && count == 2) {
    image->clockForgets = strcmp(field[1], "forgets") == 0;
    return image->clockForgets || strcmp(field[1], "keeps") == 0;
  } else if (strcmp(field[0], "flash") == 0 && count == 3) {
    if (!parse_number(field[2], &number)) return false;
    image->flashPath = field[1];
    image->flashBytes = (size_t)number;
  } else if (strcmp(field[0], "module") == 0)
    return parse_module(image, field, count);
  else
    return false;
  return true;
}

static int split(char *line, char **field) {
  int count = 0;
  field[count++] = line;
  for (char *at = line; *at && count < maxFields; at++)
    if (*at == '\t') {
      *at = 0;
      field[count++] = at + 1;
    }
  return count;
}

static const char *missing(const Image *image) {
  if (!image->moduleCount) return "no module";
  if (!image->main) return "no creation main=";
  if (image->limits.stack < 64) return "creation stack= is missing or below 64";
  if (!image->limits.chunkInitial || !image->limits.heapInitial) return "no creation chunkInitial= heapInitial=";
  if (!image->limits.nameModulo || !image->limits.symbolModulo) return "no creation name= symbol=";
  return NULL;
}

const Image *image_read(const char *path, char *problem, size_t problemSize) {
  size_t size;
  char *text = image_read_file(path, &size);
  Image *image = calloc(1, sizeof(*image));
  int number = 0;
  if (!text || !image) {
    snprintf(problem, problemSize, "%s: %s", path, strerror(errno));
    return NULL;
  }
  image->board = "board";
  for (char *line = text; line < text + size;) {
    char *field[maxFields];
    char *end = strchr(line, '\n');
    if (end) *end = 0;
    number++;
    if (*line && !parse_line(image, field, split(line, field))) {
      snprintf(problem, problemSize, "%s:%d: not understood", path, number);
      return NULL;
    }
    if (!end) break;
    line = end + 1;
  }
  const char *lack = missing(image);
  if (lack) {
    snprintf(problem, problemSize, "%s: %s", path, lack);
    return NULL;
  }
  return image;
}
