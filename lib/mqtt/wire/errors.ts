/** What is wrong with received bytes, with the reason code for DISCONNECT (MQTT 5 §4.13). */
import type { FramingError } from "./framing.js";
import { reasonCode } from "./reason-codes.js";

/** It is not as the standard says. */
export function malformed(detail: string): FramingError {
  return { code: reasonCode.malformedPacket, detail };
}

/** What the standard calls by this name. */
export function protocolError(detail: string): FramingError {
  return { code: reasonCode.protocolError, detail };
}
