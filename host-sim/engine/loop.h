/*
 * The event loop of a boot. Natives add what they wait for: sockets (LoopWatch) and moments (LoopTimer). The records
 * are theirs; they remove them before freeing them. Callbacks run one at a time, each followed by its promise jobs.
 * While nothing but timers is awaited, world time jumps to the next of them, as it does where all sockets wait for
 * what a slow link carries.
 */
#ifndef DORMOUSE_LOOP_H
#define DORMOUSE_LOOP_H

#include <stdbool.h>

struct sxMachine;

typedef struct LoopWatch LoopWatch;
struct LoopWatch {
  int fd;
  short events; /* as poll(2); may be changed at any time */
  bool always;  /* ready even when the fd is not: something is left to tell */
  bool held;    /* what comes next comes by a timer, or never: the clock may jump; without events not even ready */
  void (*ready)(LoopWatch *watch, short events);
  LoopWatch *next;
};

typedef struct LoopTimer LoopTimer;
struct LoopTimer {
  double due; /* world time, see clock.h */
  void (*fire)(LoopTimer *timer);
  unsigned long order; /* timers of the same moment fire in the order they were set */
  LoopTimer *next;
};

void loop_watch_add(LoopWatch *watch);
void loop_watch_remove(LoopWatch *watch);

/* Adds the timer, or moves it when it was added before. It is removed when it fires. */
void loop_timer_set(LoopTimer *timer, double due);
void loop_timer_remove(LoopTimer *timer);

/* Waits `milliseconds` without running anything. */
void loop_delay(double milliseconds);

/* Runs until nothing can ever happen again. */
void loop_run(struct sxMachine *the);

/* Forgets all watches and timers (their owners are gone with the machine). */
void loop_clear(void);

/* With true, timers take the time they say. */
void loop_realtime(bool on);

/* With true, the same for now: somebody who lives in real time may say something at any moment. */
void loop_live(bool on);

/*
 * With true, the world is asked ("quiet") whether it has something to say before the clock jumps though sockets are open:
 * for a board that idles, connected, in a world that can tell.
 */
void loop_asks(bool on);

#endif
