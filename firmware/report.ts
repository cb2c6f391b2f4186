/**
 * The board's log: one compact JSON object a line. `dormouse monitor` and the simulator draw their picture
 * from it. Never a key, a password or a payload.
 */
export function report(event: string, fields: Record<string, unknown> = {}): void {
  trace(`${JSON.stringify({ event, ...fields })}\n`);
}
