/**
 * The list of what a CA has revoked (RFC 5280 §5), signed by it. It is good until the CA itself ends: brokers refuse
 * every client once a list has run out, and a new one comes with each revocation. It runs in browsers too.
 */
import "./reflect.js";
import * as x509 from "@peculiar/x509";
import { type Certified, ecdsa, signingKeyOf } from "./issue.js";

export interface Revoked {
  /** Hex digits, small letters. */
  readonly serial: string;
  readonly atMs: number;
}

export interface RevocationList {
  /** Each one's is higher than the one's before. */
  readonly number: number;
  readonly thisUpdateMs: number;
  readonly revoked: readonly Revoked[];
}

const crlNumber = "2.5.29.20";

/** @returns DER */
export async function issueCrl(
  issuing: Certified,
  { number, thisUpdateMs, revoked }: RevocationList,
): Promise<Uint8Array<ArrayBuffer>> {
  const issuer = new x509.X509Certificate(issuing.certificate);
  const crl = await x509.X509CrlGenerator.create({
    issuer: issuer.subjectName.toJSON(),
    thisUpdate: new Date(thisUpdateMs),
    nextUpdate: issuer.notAfter,
    entries: revoked.map(({ serial, atMs }) => ({ serialNumber: serial, revocationDate: new Date(atMs) })),
    extensions: [
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      new x509.Extension(crlNumber, false, derInteger(number)),
    ],
    signingAlgorithm: ecdsa,
    signingKey: await signingKeyOf(issuing),
  });
  return new Uint8Array(crl.rawData);
}

/** @param list DER. @throws {RangeError} when it is none, or not the CA's */
export async function readCrl(issuing: Certified, list: Uint8Array<ArrayBuffer>): Promise<RevocationList> {
  try {
    const crl = new x509.X509Crl(list);
    const { publicKey } = new x509.X509Certificate(issuing.certificate);
    if (!(await crl.verify({ publicKey }))) throw new RangeError();
    const number = crl.getExtension(crlNumber);
    return {
      number: number ? integerIn(new Uint8Array(number.value)) : 0,
      thisUpdateMs: crl.thisUpdate.getTime(),
      revoked: crl.entries.map(({ serialNumber, revocationDate }) => ({
        serial: serialNumber.toLowerCase(),
        atMs: revocationDate.getTime(),
      })),
    };
  } catch {
    throw new RangeError("is no list of revoked certificates of this CA");
  }
}

/** Below 2^48. */
function derInteger(value: number): Uint8Array<ArrayBuffer> {
  const octets = [];
  for (let rest = value; octets.length === 0 || rest > 0; rest = Math.floor(rest / 256))
    octets.unshift(rest % 256);
  if (octets[0]! >= 0x80) octets.unshift(0);
  return Uint8Array.of(2, octets.length, ...octets);
}

function integerIn([tag, length, ...octets]: Uint8Array): number {
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  if (tag !== 2 || length !== octets.length || !Number.isSafeInteger(value)) throw new RangeError();
  return value;
}
