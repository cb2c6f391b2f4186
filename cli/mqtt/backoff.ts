/** When to try a broken connection again, and when that is of no use. */
import type { Failure } from "../../lib/failure.js";

const firstMs = 1000;
const mostMs = 30_000;
/** A connection that stood so long was no failure: the next time it is tried at once again. */
export const steadyMs = mostMs;

/**
 * Twice as long each time, and never exactly when everybody else tries.
 * @param attempt from 0
 */
export function backoffMs(attempt: number): number {
  const most = Math.min(mostMs, firstMs * 2 ** attempt);
  return most / 2 + Math.random() * (most / 2);
}

/** MQTT 5: unavailable, busy, shutting down, keep alive timeout, connection rate exceeded, maximum connect time; 3.1.1: 3. */
const passing: readonly number[] = [3, 136, 137, 139, 141, 159, 160];

/** Whether it may go better later without anybody doing anything. Another client that took the session over stays there. */
export function isPassing({ kind, code }: Failure): boolean {
  switch (kind) {
    case "connection-lost":
    case "connect-failed":
    case "name-unresolved":
    case "deadline":
    case "tls-timeout":
    case "tls-truncated":
      return true;
    case "broker-refused":
      return passing.includes(code);
    default:
      return false;
  }
}
