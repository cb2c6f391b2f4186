/**
 * A P-256 private key made on the device, out of its generator's bytes. The number is in the engine's memory for as long
 * as it takes to write it to flash, whose owner zeroes it; the engine's collector may have left copies until the
 * machine's end.
 */
import type { Crypto } from "./crypto.js";
import { derTag, objectId } from "./der-reader.js";
import { der, derObjectId } from "./der-writer.js";

const numberBytes = 32;

/** n - 1 for the order n of the curve (FIPS 186-5, SP 800-186 §3.2.1.3), as hex. */
const highest = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550";

/**
 * FIPS 186-5 A.2.2, by rejection: every number from 1 to n - 1 is equally likely.
 * @returns PKCS #8 in DER (RFC 5958), 67 bytes with the number alone, which the caller zeroes
 * @throws {RangeError} when the generator gives nothing usable a hundred times: it is broken
 */
export function generateP256(crypto: Crypto): Uint8Array {
  for (let i = 0; i < 100; i++) {
    const number = crypto.random(numberBytes);
    if (!isPrivateNumber(number)) continue;
    const key = pkcs8(number);
    number.fill(0);
    return key;
  }
  throw new RangeError("the generator gives no numbers");
}

/** Whether it lies between 1 and n - 1. Takes as long for every number that is one. */
function isPrivateNumber(number: Uint8Array): boolean {
  let any = 0;
  let below = 0;
  let equalSoFar = 1;
  for (let i = 0; i < numberBytes; i++) {
    const byte = number[i]!;
    const bound = Number.parseInt(highest.slice(2 * i, 2 * i + 2), 16);
    any |= byte;
    below |= equalSoFar & ((byte - bound) >>> 31);
    equalSoFar &= ((byte ^ bound) - 1) >>> 31;
  }
  return any !== 0 && (below | equalSoFar) === 1;
}

function pkcs8(number: Uint8Array): Uint8Array {
  const algorithm = der(derTag.sequence, derObjectId(objectId.ecPublicKey), derObjectId(objectId.prime256v1));
  const octets = der(derTag.octetString, number);
  const ecKey = der(derTag.sequence, der(derTag.integer, Uint8Array.of(1)), octets);
  const key = der(derTag.octetString, ecKey);
  const whole = der(derTag.sequence, der(derTag.integer, Uint8Array.of(0)), algorithm, key);
  for (const part of [octets, ecKey, key]) part.fill(0);
  return whole;
}
