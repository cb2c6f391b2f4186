/* Asks and answers, and the reading of standard input; see world.h. */
#include "world.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "clock.h"
#include "fault.h"
#include "report.h"

typedef struct Ask Ask;
struct Ask {
  int id;
  WorldAnswer answer;
  void *context;
  bool never;
  Ask *next;
};

typedef struct Reply Reply;
struct Reply {
  int id;
  double due;
  Reply *next;
  char text[];
};

static Ask *asks;
static Reply *replies; /* sorted by due */
static int lastId;
static bool unreached;

static struct {
  char *text;
  size_t size, capacity, taken;
  bool ended;
} input;

int world_ask(const char *kind, const char *detail, WorldAnswer answer, void *context) {
  Ask *ask = calloc(1, sizeof(*ask));
  if (!ask) return 0;
  *ask = (Ask){++lastId, answer, context, false, asks};
  asks = ask;
  report_begin("ask");
  report_number("id", ask->id);
  report_number("at", clock_world());
  report_text("kind", kind);
  report_text("detail", detail);
  report_end();
  return ask->id;
}

static Ask *take(int id) {
  for (Ask **at = &asks; *at; at = &(*at)->next)
    if ((*at)->id == id) {
      Ask *ask = *at;
      *at = ask->next;
      return ask;
    }
  return NULL;
}

void *world_cancel(int id) {
  Ask *ask = take(id);
  void *context = ask ? ask->context : NULL;
  free(ask);
  /* An answer that nobody waits for must not move the clock either. */
  for (Reply **at = &replies; *at;) {
    Reply *reply = *at;
    if (reply->id != id) at = &reply->next;
    else {
      *at = reply->next;
      free(reply);
    }
  }
  return context;
}

bool world_pending(void) {
  for (Ask *ask = asks; ask; ask = ask->next)
    if (!ask->never) return true;
  return false;
}

double world_next(void) { return replies ? replies->due : INFINITY; }

bool world_deliver(void) {
  Reply *reply = replies;
  if (!reply) return false;
  replies = reply->next;
  Ask *ask = take(reply->id);
  /* The reply's text is kept until the callback is done, which may never return here (sleep): hold it in static memory. */
  static char text[1024];
  snprintf(text, sizeof(text), "%s", reply->text);
  free(reply);
  if (!ask) return true;
  Ask copy = *ask;
  free(ask);
  copy.answer(copy.context, text);
  return true;
}

static void add_reply(int id, double advance, const char *text) {
  size_t size = strlen(text) + 1;
  Reply *reply = malloc(sizeof(*reply) + size);
  Reply **at = &replies;
  if (!reply) return;
  reply->id = id;
  reply->due = clock_world() + (advance > 0 ? advance : 0);
  memcpy(reply->text, text, size);
  while (*at && (*at)->due <= reply->due) at = &(*at)->next;
  reply->next = *at;
  *at = reply;
}

/* Reads what is there (blocking when `block`). Returns false at the end of input. */
static bool fill(bool block) {
  if (input.taken) {
    input.size -= input.taken;
    memmove(input.text, input.text + input.taken, input.size);
    input.taken = 0;
  }
  if (input.capacity - input.size < 4096) {
    char *grown = realloc(input.text, input.capacity + 8192);
    if (!grown) return false;
    input.text = grown;
    input.capacity += 8192;
  }
  if (!block) {
    struct pollfd poller = {STDIN_FILENO, POLLIN, 0};
    if (poll(&poller, 1, 0) <= 0) return true;
  }
  ssize_t count = read(STDIN_FILENO, input.text + input.size, input.capacity - input.size - 1);
  if (count < 0) return errno == EINTR;
  if (count == 0) input.ended = true;
  input.size += (size_t)count;
  return count > 0;
}

/* The next whole line, NUL-terminated, or NULL. */
static char *take_line(void) {
  char *start = input.text + input.taken;
  char *end = input.size > input.taken ? memchr(start, '\n', input.size - input.taken) : NULL;
  if (!end) return NULL;
  *end = 0;
  input.taken = (size_t)(end + 1 - input.text);
  return start;
}

char *world_command(void) {
  char *line;
  while (!(line = take_line()))
    if (!fill(true)) return NULL;
  return line;
}

static void during_boot(char *line) {
  int id, used = 0;
  double advance;
  if (sscanf(line, "answer %d %lf%n", &id, &advance, &used) == 2) {
    const char *text = line + used;
    add_reply(id, advance, *text == ' ' ? text + 1 : text);
  } else if (sscanf(line, "never %d", &id) == 1) {
    for (Ask *ask = asks; ask; ask = ask->next)
      if (ask->id == id) ask->never = true;
  } else if (strcmp(line, "meters") == 0)
    boot_report_meters();
  else if (strcmp(line, "quit") == 0)
    exit(0);
  else if (strcmp(line, "off") == 0)
    boot_fail("off", "switched off");
  else
    fault_command(line);
}

void world_heard(void) {
  for (char *line; (line = take_line());) during_boot(line);
}

void world_input(void) {
  bool more = fill(false);
  world_heard();
  if (!more && input.ended) exit(0); /* who started us has gone */
}

void world_reach(bool on) { unreached = !on; }

bool world_reaches(void) { return !unreached; }

void world_clear(void) {
  unreached = false;
  while (asks) free(world_cancel(asks->id));
  while (replies) {
    Reply *reply = replies;
    replies = reply->next;
    free(reply);
  }
}
