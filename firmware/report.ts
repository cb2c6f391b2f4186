/**
 * The board's log: one compact JSON object a line. `dormouse monitor` and the simulator draw their picture
 * from it. Never a key, a password or a payload.
 */
export function report(event: string, fields: Record<string, unknown> = {}): void {
  trace(`${JSON.stringify({ event, ...fields })}\n`);
}

/** An exception in one line, with the place it came from where the engine knows it. */
export function describeError(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const open = stack.indexOf("(");
  const place = open < 0 ? "" : ` ${stack.slice(open, stack.indexOf(")", open) + 1)}`;
  return `${error}${place}`;
}
