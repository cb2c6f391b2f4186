/** Why a WebSocket is closed (RFC 6455 §7.4): what may stand in a CLOSE, and what it means. */
import { utf8Decode } from "../cbor/utf8.js";

/** A CLOSE without a code. */
export const noCode = 1005;
/** The connection ended without a CLOSE. */
export const abnormal = 1006;

export interface CloseReason {
  /** What to answer with. */
  readonly code: number;
  /** For the operator. */
  readonly detail: string;
  /** The CLOSE itself breaks the standard. */
  readonly broken: boolean;
}

/** Reads the payload of the server's CLOSE, 0 or 2 to 125 bytes. */
export function readClose(payload: Uint8Array): CloseReason {
  if (payload.length === 0) return { code: noCode, detail: closeName(noCode), broken: false };
  const code = (payload[0]! << 8) | payload[1]!;
  if (!mayBeSent(code))
    return { code: 1002, detail: `the close code ${code}, which is never sent`, broken: true };
  const reason = payload.subarray(2);
  try {
    utf8Decode(reason);
  } catch {
    return { code: 1007, detail: "a close reason that is not UTF-8", broken: true };
  }
  const detail = reason.length === 0 ? closeName(code) : `${closeName(code)}: ${printable(reason)}`;
  return { code, detail, broken: false };
}

/** §7.4.1 and IANA's registry; §7.4.2: 3000 and up are the applications' own. */
function mayBeSent(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

/** e.g. `going away (1001)`. */
export function closeName(code: number): string {
  switch (code) {
    case 1000:
      return "normal closure (1000)";
    case 1001:
      return "going away (1001)";
    case 1002:
      return "protocol error (1002)";
    case 1003:
      return "unsupported data (1003)";
    case noCode:
      return "no reason given (1005)";
    case 1007:
      return "invalid payload data (1007)";
    case 1008:
      return "policy violation (1008)";
    case 1009:
      return "message too big (1009)";
    case 1010:
      return "an extension is missing (1010)";
    case 1011:
      return "internal error (1011)";
    case 1012:
      return "service restart (1012)";
    case 1013:
      return "try again later (1013)";
    case 1014:
      return "bad gateway (1014)";
    default:
      return `code ${code}`;
  }
}

function printable(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "?";
  return text;
}
