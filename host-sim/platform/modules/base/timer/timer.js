/* Moddable's `timer`, over timer.c. */
function set(callback, interval, repeat) @ "xs_timer_set";
function repeat(callback, interval) @ "xs_timer_repeat";
function schedule(timer, interval, repeat) @ "xs_timer_schedule";
function clear(timer) @ "xs_timer_clear";
function delay(milliseconds) @ "xs_timer_delay";

export default class Timer {
  static set(callback, interval, again) { return set(callback, interval ?? 0, again ?? 0); }
  static repeat(callback, interval) { return repeat(callback, interval); }
  static schedule(timer, interval, again) { schedule(timer, interval ?? -1, again ?? 0); }
  static clear(timer) { clear(timer); }
  static delay(milliseconds) { delay(milliseconds); }
}
