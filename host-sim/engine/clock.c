/* The clocks of clock.h: real time passed since the boot, plus the jumps, plus where the world was. */
#include "xsAll.h"

#include "clock.h"

static struct {
  double bootWorld;  /* world time at this boot */
  double bootReal;   /* real time at this boot */
  double jumped;     /* sum of the jumps in this boot */
  double endWorld;   /* world time when the boot before ended */
  double powerWorld; /* world time when power came */
  double gained;     /* how far the sleep clock is ahead of the world since then */
  double deviceAdd;  /* the device's clock is the sleep clock plus this */
  double driftPpm;
  double sleepPpm;   /* the drift of the sleep that is going on */
  bool forgetful;
  bool losing;       /* at the next boot */
  double shift;      /* likewise */
} state;

void clock_forget_in_sleep(bool forgetful) { state.forgetful = forgetful; }

void clock_drift(double ppm) { state.driftPpm = ppm; }

double clock_sleep(double milliseconds) { return milliseconds / (1 + state.driftPpm / 1e6); }

void clock_disturb(bool lost, double milliseconds) {
  state.losing = lost;
  state.shift = milliseconds;
}

static double real_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1000.0 + (double)now.tv_nsec / 1e6;
}

void clock_boot(double worldMs, bool powerOn) {
  state.bootWorld = worldMs;
  state.bootReal = real_now();
  state.jumped = 0;
  bool losing = state.losing;
  double shift = state.shift;
  clock_disturb(false, 0);
  if (powerOn) {
    state.powerWorld = worldMs;
    state.gained = 0;
    state.deviceAdd = 0;
    return;
  }
  if (worldMs > state.endWorld) state.gained += (worldMs - state.endWorld) * state.sleepPpm / 1e6;
  if (state.forgetful || losing) clock_device_set(0);
  else state.deviceAdd += shift;
}

void clock_end(void) {
  state.endWorld = clock_world();
  state.sleepPpm = state.driftPpm;
}

/* What runs through deep sleep and resets, from the moment power came. */
static double sleep_clock(void) { return clock_world() - state.powerWorld + state.gained; }

double clock_world(void) { return state.bootWorld + (real_now() - state.bootReal) + state.jumped; }

void clock_jump(double worldMs) {
  double ahead = worldMs - clock_world();
  if (ahead > 0) state.jumped += ahead;
}

double clock_jumped(void) { return state.jumped; }

uint32_t clock_ticks(void) { return (uint32_t)(int64_t)(clock_world() - state.bootWorld); }

double clock_device(void) { return sleep_clock() + state.deviceAdd; }

void clock_device_set(double deviceMs) { state.deviceAdd += deviceMs - clock_device(); }

int64_t clock_monotonic(void) { return (int64_t)sleep_clock(); }

int clock_device_timeofday(c_timeval *now, void *zone) {
  double device = clock_device();
  (void)zone;
  now->tv_sec = (int64_t)floor(device / 1000.0);
  now->tv_usec = (int64_t)((device - (double)now->tv_sec * 1000.0) * 1000.0);
  return 0;
}
