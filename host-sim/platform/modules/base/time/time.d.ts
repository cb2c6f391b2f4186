/** Moddable's clock, as far as the firmware uses it. */
declare module "time" {
  const Time: {
    /** Sets the wall clock, in seconds since 1970. */
    set(seconds: number): void;
    /** Milliseconds since boot. */
    readonly ticks: number;
    /** Milliseconds from `start` to `end` (now by default), both ticks. */
    delta(start: number, end?: number): number;
  };

  export { Time as default };
}
