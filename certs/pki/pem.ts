/**
 * PEM text (RFC 7468) to and from DER bytes. Strict: one label, padded base64, nothing it cannot read is skipped.
 * It runs in browsers too.
 */
import { base64 } from "../../lib/websocket/base64.js";

type Label = "CERTIFICATE" | "PRIVATE KEY" | "EC PRIVATE KEY" | "PUBLIC KEY" | "X509 CRL";

export function pem(label: Label, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${base64(der).replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
}

/** Every block with this label, in order. Text between blocks is explanatory (RFC 7468 §2) and ignored. */
export function fromPem(label: Label, text: string): Uint8Array<ArrayBuffer>[] {
  const blocks = text.matchAll(/-----BEGIN ([^-]+)-----([^-]*)-----END ([^-]+)-----/g);
  const found: Uint8Array<ArrayBuffer>[] = [];
  for (const [, begin, body, end] of blocks) {
    if (begin !== label || end !== label) continue;
    const digits = body!.replace(/\s/g, "");
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(digits) || digits.length % 4 !== 0)
      throw new RangeError(`damaged PEM block "${label}"`);
    found.push(Uint8Array.from(atob(digits), (digit) => digit.charCodeAt(0)));
  }
  return found;
}
