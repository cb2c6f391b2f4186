/** A command sets this when it ends without an error, but not well. */
export interface Outcome {
  exitCode: number;
}
