/**
 * The names a certificate may carry. Servers are named by subjectAltName alone (RFC 9525 §6.1): DNS names
 * and IP addresses. A device's name: device-id.ts.
 */
import { isIP } from "node:net";

export interface AltName {
  readonly type: "dns" | "ip";
  readonly value: string;
}

/** One letter-digit-hyphen label (RFC 1123 §2.1). Underscores and Unicode are refused, not mapped. */
const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Reads `broker.example`, `*.example.com`, `192.0.2.1` or `2001:db8::1`.
 * @throws {RangeError} when it is none of these
 */
export function altName(text: string): AltName {
  if (isIP(text)) return { type: "ip", value: text };
  const name = text.toLowerCase();
  const labels = name.split(".");
  // A wildcard stands for the whole leftmost label only (RFC 9525 §6.3).
  const literal = labels[0] === "*" && labels.length > 2 ? labels.slice(1) : labels;
  const looksLikeAddress = /^[0-9.]+$/.test(name);
  if (name.length > 253 || looksLikeAddress || !literal.every((part) => label.test(part)))
    throw new RangeError(`"${text}" is neither a host name nor an IP address`);
  return { type: "dns", value: name };
}
