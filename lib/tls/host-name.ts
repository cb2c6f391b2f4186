/**
 * What a certificate must be for: a DNS name, or an address. Names are A-labels (RFC 9525 §2); an address in
 * the certificate is an iPAddress, and none is sent as SNI (RFC 6066 §3).
 */
export type PeerName =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "address"; readonly address: Uint8Array };

/** @throws RangeError when `text` is neither a host name nor an IP address */
export function peerName(text: string): PeerName {
  if (text.includes(":")) return { kind: "address", address: ipv6(text) };
  // RFC 1123 §2.1: what looks like an address is one, and no top-level domain is a number.
  if (/^[0-9.]+$/.test(text)) return { kind: "address", address: ipv4(text) };
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  const labels = name.split(".");
  if (name.length > 253 || !labels.every(isLabel)) throw new RangeError("not a host name");
  return { kind: "name", name };
}

/** The length is checked apart: XS 13 does not heed `{0,61}` in an optional group. */
function isLabel(label: string): boolean {
  return label.length <= 63 && /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/i.test(label);
}

function ipv4(text: string): Uint8Array {
  const parts = text.split(".");
  const bytes = parts.map((part) => (/^(0|[1-9][0-9]{0,2})$/.test(part) ? Number(part) : 256));
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) throw new RangeError("not an IPv4 address");
  return Uint8Array.from(bytes);
}

/** RFC 4291 §2.2, without zone. */
function ipv6(text: string): Uint8Array {
  const halves = text.split("::");
  if (halves.length > 2) throw new RangeError("not an IPv6 address");
  const [front = [], back = []] = halves.map((half) => (half === "" ? [] : groups(half)));
  const missing = 16 - front.length - back.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) throw new RangeError("not an IPv6 address");
  return Uint8Array.from([...front, ...new Array<number>(missing).fill(0), ...back]);
}

function groups(text: string): number[] {
  const parts = text.split(":");
  return parts.flatMap((part, i) => {
    if (i === parts.length - 1 && part.includes(".")) return [...ipv4(part)];
    if (!/^[0-9a-f]{1,4}$/i.test(part)) throw new RangeError("not an IPv6 address");
    const group = Number.parseInt(part, 16);
    return [group >> 8, group & 0xff];
  });
}
