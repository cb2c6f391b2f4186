/** Moddable's timers, as the SDK's own typings have them. */
declare module "timer" {
  export type TimerCallback = (timer: Timer) => void;

  class Timer {
    private constructor();
    /** Calls back after `interval` ms (0 by default), then every `repeat` ms if that is given. */
    static set(callback: TimerCallback, interval?: number, repeat?: number): Timer;
    static repeat(callback: TimerCallback, interval: number): Timer;
    /** Without an interval the timer stays, but will not call. */
    static schedule(timer: Timer, interval?: number, repeat?: number): void;
    static clear(timer: Timer | undefined | null): void;
    static delay(milliseconds: number): void;
    private brand: boolean;
  }

  export { Timer as default };
}
