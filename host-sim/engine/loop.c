/* The event loop; see loop.h. Standard input is one of the things it waits for. */
#include "loop.h"

#include <math.h>
#include <poll.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "boot.h"
#include "clock.h"
#include "world.h"

enum { maxWatches = 32 };

static struct {
  LoopWatch *watches;
  LoopTimer *timers; /* sorted by due, then order */
  unsigned long order;
  bool realtime;
  bool live;
  bool asks;
  enum { notAsked, asked, isQuiet } quiet;
  bool stirred; /* something has come since the world was asked */
} loop;

/* The world has its turn to say something if the clock is to jump so far. */
static const double worthAsking = 20;

void loop_realtime(bool on) { loop.realtime = on; }

void loop_live(bool on) { loop.live = on; }

static bool is_real(void) { return loop.realtime || loop.live; }

void loop_asks(bool on) { loop.asks = on; }

void loop_watch_add(LoopWatch *watch) {
  watch->next = loop.watches;
  loop.watches = watch;
}

void loop_watch_remove(LoopWatch *watch) {
  for (LoopWatch **at = &loop.watches; *at; at = &(*at)->next)
    if (*at == watch) {
      *at = watch->next;
      return;
    }
}

void loop_timer_remove(LoopTimer *timer) {
  for (LoopTimer **at = &loop.timers; *at; at = &(*at)->next)
    if (*at == timer) {
      *at = timer->next;
      return;
    }
}

void loop_timer_set(LoopTimer *timer, double due) {
  LoopTimer **at = &loop.timers;
  loop_timer_remove(timer);
  timer->due = due;
  timer->order = ++loop.order;
  while (*at && (*at)->due <= due) at = &(*at)->next;
  timer->next = *at;
  *at = timer;
}

void loop_clear(void) {
  loop.watches = NULL;
  loop.timers = NULL;
  loop.quiet = notAsked;
  loop.live = false;
}

static void sleep_real(double milliseconds) {
  struct timespec time = {(time_t)(milliseconds / 1000), (long)(fmod(milliseconds, 1000) * 1e6)};
  nanosleep(&time, NULL);
}

void loop_delay(double milliseconds) {
  if (milliseconds <= 0) return;
  if (is_real() || loop.watches) sleep_real(milliseconds);
  else clock_jump(clock_world() + milliseconds);
}

/*
 * Waits until a watch is ready, standard input has something, or `milliseconds` have passed (< 0: for ever). Returns
 * whether there was anything.
 */
static bool wait_ready(double milliseconds) {
  struct pollfd polls[maxWatches + 1];
  LoopWatch *watched[maxWatches + 1];
  nfds_t count = 0;
  int timeout = milliseconds < 0 ? -1 : milliseconds > 3600e3 ? 3600000 : (int)ceil(milliseconds);
  polls[count++] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
  for (LoopWatch *watch = loop.watches; watch && count <= maxWatches; watch = watch->next) {
    if (watch->always) timeout = 0;
    watched[count] = watch;
    polls[count++] = (struct pollfd){watch->held && !watch->events ? -1 : watch->fd, watch->events, 0};
  }
  if (poll(polls, count, timeout) < 0) return true;
  bool any = polls[0].revents;
  if (any) world_input();
  for (nfds_t i = 1; i < count; i++) {
    LoopWatch *live = loop.watches;
    if (!polls[i].revents && !watched[i]->always) continue;
    any = loop.stirred = true;
    while (live && live != watched[i]) live = live->next; /* an earlier callback may have removed it */
    if (live) live->ready(live, polls[i].revents);
  }
  return any;
}

static bool fire_due(double until) {
  LoopTimer *timer = loop.timers;
  if (!timer || timer->due > until) return false;
  loop.timers = timer->next;
  clock_jump(timer->due);
  timer->fire(timer);
  return true;
}

/* One thing that is due: the next timer or answer, whichever comes first. */
static bool run_due(void) {
  double now = clock_world();
  double answer = world_next();
  if (isfinite(answer) && answer > now && !is_real()) now = answer; /* nothing else can happen meanwhile */
  if (answer <= now) {
    if (fire_due(answer)) return true;
    clock_jump(answer);
    return world_deliver();
  }
  return fire_due(now);
}

/* Is there a socket that something may come to at any moment? */
static bool listening(void) {
  for (const LoopWatch *watch = loop.watches; watch; watch = watch->next)
    if (!watch->held) return true;
  return false;
}

static void hear_quiet(void *context, const char *text) {
  (void)context;
  (void)text;
  loop.quiet = loop.stirred ? notAsked : isQuiet;
}

/* Jumps over a wait for sockets that nothing comes to. Returns false when it has to be waited for. */
static bool jump_quietly(double next) {
  if (!loop.asks || is_real() || !isfinite(next) || next - clock_world() < worthAsking) return false;
  if (loop.quiet == notAsked) {
    if (world_pending()) return false;
    if (wait_ready(0)) return true;
    loop.quiet = asked;
    loop.stirred = false;
    world_ask("quiet", "", hear_quiet, NULL);
  }
  if (loop.quiet == asked) return false;
  loop.quiet = notAsked;
  if (!wait_ready(0)) clock_jump(next);
  return true;
}

void loop_run(struct sxMachine *the) {
  world_heard();
  for (;;) {
    boot_run_jobs(the);
    if (run_due()) {
      if (loop.watches) wait_ready(0);
      continue;
    }
    double answer = world_next();
    double next = loop.timers ? loop.timers->due : INFINITY;
    if (answer < next) next = answer;
    bool waiting = listening() || world_pending() || loop.live;
    if (!isfinite(next) && !waiting) return;
    if (!waiting && !is_real()) {
      if (!loop.watches || !wait_ready(0)) clock_jump(next);
    } else if (!jump_quietly(next)) wait_ready(isfinite(next) ? fmax(0, next - clock_world()) : -1);
  }
}
