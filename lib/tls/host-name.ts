/**
 * What a certificate must be for: a DNS name, or an address. Names are A-labels (RFC 9525 §2); an address in
 * the certificate is an iPAddress, and none is sent as SNI (RFC 6066 §3).
 * Without regular expressions and callbacks: this runs where a small board's stack is deepest.
 */
export type PeerName =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "address"; readonly address: Uint8Array };

const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;
const hyphen = 0x2d;
const underscore = 0x5f;

/** @throws RangeError when `text` is neither a host name nor an IP address */
export function peerName(text: string): PeerName {
  if (text.includes(":")) return { kind: "address", address: ipv6(text) };
  // RFC 1123 §2.1: what looks like an address is one, and no top-level domain is a number.
  if (isNumeric(text)) {
    const address = new Uint8Array(4);
    if (!readIPv4(text, address, 0)) throw new RangeError("not an IPv4 address");
    return { kind: "address", address };
  }
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (name.length > 253) throw new RangeError("not a host name");
  const labels = name.split(".");
  for (let i = 0; i < labels.length; i++) if (!isLabel(labels[i]!)) throw new RangeError("not a host name");
  return { kind: "name", name };
}

/** Digits and dots. */
function isNumeric(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit !== dot && (unit < zero || unit > nine)) return false;
  }
  return text.length > 0;
}

/** RFC 1123 §2.1, and the underscore that names in use have. */
function isLabel(label: string): boolean {
  const { length } = label;
  if (length === 0 || length > 63) return false;
  for (let i = 0; i < length; i++) {
    const unit = label.charCodeAt(i);
    if (unit === hyphen && i > 0 && i < length - 1) continue;
    if (unit !== underscore && digitOf(unit) > 35) return false;
  }
  return true;
}

/** The value of a digit or a letter of either case, in base 36; 36 for anything else. */
function digitOf(unit: number): number {
  if (unit >= zero && unit <= nine) return unit - zero;
  const letter = (unit | 0x20) - 0x61;
  return unit < 0x80 && letter >= 0 && letter < 26 ? letter + 10 : 36;
}

/** Four decimal numbers, no zero before another digit; false for anything else. */
function readIPv4(text: string, address: Uint8Array, start: number): boolean {
  let at = start;
  let byte = -1;
  for (let i = 0; i <= text.length; i++) {
    const unit = i < text.length ? text.charCodeAt(i) : dot;
    if (unit === dot) {
      if (byte < 0 || at === start + 4) return false;
      address[at++] = byte;
      byte = -1;
    } else {
      if (unit < zero || unit > nine || byte === 0) return false;
      byte = Math.max(byte, 0) * 10 + unit - zero;
      if (byte > 255) return false;
    }
  }
  return at === start + 4;
}

/** RFC 4291 §2.2, without zone. */
function ipv6(text: string): Uint8Array {
  const address = new Uint8Array(16);
  const halves = text.split("::");
  let length = 0;
  let front = 0;
  for (let half = 0; half < halves.length; half++) {
    const groups = halves[half] === "" ? [] : halves[half]!.split(":");
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i]!;
      const last = half === halves.length - 1 && i === groups.length - 1;
      const value = last && group.includes(".") ? -2 : groupValue(group);
      if (value === -1 || length > (value < 0 ? 12 : 14)) throw new RangeError("not an IPv6 address");
      if (value >= 0) {
        address[length++] = value >> 8;
        address[length++] = value & 0xff;
      } else if (readIPv4(group, address, length)) length += 4;
      else throw new RangeError("not an IPv6 address");
    }
    if (half === 0) front = length;
  }
  if (halves.length > 2 || (halves.length === 1 ? length !== 16 : length > 14))
    throw new RangeError("not an IPv6 address");
  address.copyWithin(16 - (length - front), front, length);
  address.fill(0, front, 16 - (length - front));
  return address;
}

/** 1 to 4 hexadecimal digits; -1 for anything else. */
function groupValue(text: string): number {
  if (text.length === 0 || text.length > 4) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = digitOf(text.charCodeAt(i));
    if (digit > 15) return -1;
    value = value * 16 + digit;
  }
  return value;
}
