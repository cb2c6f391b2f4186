/**
 * A P-256 public key as COSE_Key (RFC 9052 §7, RFC 9053 §7.1.1): {1: 2, -1: 1, -2: x, -3: y or its sign}, no other
 * parameter. On this side of it a key is the 65 bytes 04, x, y.
 */
import { CborError, type CborMap, type CborValue } from "../cbor/value.js";
import { ec2, keyLabel, p256 } from "./labels.js";
import { decompressPoint } from "./p256-point.js";

/** With the sign of y in place of y. @throws RangeError for other bytes than 04, x, y */
export function compressedKey(point: Uint8Array): CborMap {
  if (point.length !== 65 || point[0] !== 4) throw new RangeError("not an uncompressed P-256 point");
  return ec2Key(point.subarray(1, 33), (point[64]! & 1) === 1);
}

export function ec2Key(x: Uint8Array, y: Uint8Array | boolean): CborMap {
  return new Map<number, CborValue>([
    [keyLabel.kty, ec2],
    [keyLabel.crv, p256],
    [keyLabel.x, x],
    [keyLabel.y, y],
  ]);
}

/**
 * @param form "compressed" refuses a y that is written out
 * @returns 04, x, y. With y written out, whether the point lies on the curve is for Crypto to say.
 * @throws CborError for anything else
 */
export function pointOf(key: CborValue, form: "compressed" | "any" = "any"): Uint8Array {
  if (!(key instanceof Map) || key.size !== 4) throw new CborError("not a key of four parameters");
  const x = key.get(keyLabel.x);
  const y = key.get(keyLabel.y);
  if (key.get(keyLabel.kty) !== ec2 || key.get(keyLabel.crv) !== p256) throw new CborError("not on P-256");
  if (!(x instanceof Uint8Array && x.length === 32)) throw new CborError("no x coordinate");
  if (typeof y === "boolean") {
    const point = decompressPoint(x, y);
    if (!point) throw new CborError("not a point of P-256");
    return point;
  }
  if (form === "compressed" || !(y instanceof Uint8Array && y.length === 32))
    throw new CborError("no y coordinate");
  const point = new Uint8Array(65);
  point[0] = 4;
  point.set(x, 1);
  point.set(y, 33);
  return point;
}
