/** The bytes of a stamp's key, by HKDF in node:crypto and CBOR written out here. */
import { hkdfSync } from "node:crypto";

interface Use {
  readonly sender: string;
  readonly direction: "up" | "down";
  readonly topic: string;
}

function head(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length]);
  if (length > 255) throw new RangeError("longer than a test needs");
  return Buffer.from([(major << 5) | 24, length]);
}

const text = (value: string) => Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
const bytes = (value: Uint8Array) => Buffer.concat([head(2, value.length), value]);
const array = (...items: Uint8Array[]) => Buffer.concat([head(4, items.length), ...items]);
const nil = Buffer.from([0xf6]);

/** COSE_KDF_Context (RFC 9053 §5.2) as docs/sealed.md fills it, for HMAC-256 and epoch 0. */
export function deriveDirect(secret: string, { sender, direction, topic }: Use) {
  const party = array(bytes(Buffer.from(sender)), Buffer.from([0]), nil);
  const inner = bytes(array(text("dormouse1"), text(direction), text(topic)));
  const pub = array(Buffer.from([0x19, 0x01, 0x00]), bytes(Buffer.alloc(0)), inner);
  const info = array(Buffer.from([5]), party, array(nil, nil, nil), pub);
  const key = hkdfSync("sha256", Buffer.from(secret, "hex"), Buffer.alloc(0), info, 32);
  return { algorithm: "hmac-256", key: Buffer.from(key).toString("hex") };
}
