/** Reads what a device answers to a command (docs/commands.md), apart from lib/commands on purpose. */
import { decodeDeterministic } from "./strict-cbor.js";

/** COSE content type of plain CBOR. */
export const commandResult = 60;

export interface CommandResult {
  /** Whose command it was, and its counter. */
  readonly controller: string;
  readonly counter: number;
  readonly status: string;
}

const statuses: readonly unknown[] = [
  "done",
  "failed",
  "refused",
  "unknown",
  "expired",
  "challenge",
  "unauthorised",
  "malformed",
];

/** @throws {RangeError} when it is no such answer */
export function readCommandResult(payload: Uint8Array): CommandResult {
  const array = decodeDeterministic(payload);
  if (!Array.isArray(array) || array.length !== 5) throw new RangeError("a result has five elements");
  const [controller, counter, status, , challenge] = array as unknown[];
  if (typeof controller !== "string" || typeof counter !== "number" || !statuses.includes(status))
    throw new RangeError("a result names controller, counter and status");
  if (challenge !== null && !(challenge instanceof Uint8Array && challenge.length === 8))
    throw new RangeError("a challenge has 8 bytes");
  return { controller, counter, status: status as string };
}
