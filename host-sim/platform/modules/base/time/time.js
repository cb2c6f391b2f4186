/* Moddable's `time`, over time.c. Time zones are not for boards that report in UTC. */
function set(seconds) @ "xs_time_set";
function ticks() @ "xs_time_ticks";

export default class Time {
  static set(seconds) { set(seconds); }
  static get ticks() { return ticks(); }
  static delta(start, end) { return ((end === undefined ? ticks() : end) - start) | 0; }
}
