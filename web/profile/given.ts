/**
 * Reads what a person typed or picked for a profile's references, into what a device stores. The same rules as
 * `dormouse`'s, which reads files through Node (cli/profile/secrets.ts).
 */

import { certificateFacts } from "../../certs/pki/facts.js";
import { type Certified, hexOf } from "../../certs/pki/issue.js";
import { pem } from "../../certs/pki/pem.js";
import { withPoints } from "../../cli/profile/public-points.js";
import type { ProfileSecrets } from "../../cli/profile/secrets.js";
import type { GeneratedKey } from "../../lib/provisioning/messages.js";
import type { Profile } from "../../lib/store/profile.js";
import { derBlocks, p256Key, privateKey, publicPoint } from "./keys.js";
import type { NeedName } from "./needs.js";

/** What came for each need: a text in UTF-8, or a file; the caller zeroes it. */
export type Given = ReadonlyMap<NeedName, Uint8Array<ArrayBuffer>>;

export interface Read {
  /** With the public keys that it refers to. */
  readonly profile: Profile;
  /** The caller's to zero. */
  readonly secrets: ProfileSecrets;
  /** Of the private keys among them. */
  readonly publicKeys: ReadonlyMap<GeneratedKey, Uint8Array>;
  /** Who issues the certificate; its key is the caller's to zero. */
  readonly issuing: Certified | undefined;
}

/** @throws {RangeError} in one line that names the setting, without its value */
export async function readGiven(profile: Profile, given: Given): Promise<Read> {
  const { auth, jwt } = profile.broker;
  const publicKeys = new Map<GeneratedKey, Uint8Array>();
  const of = async <T>(
    name: NeedName,
    read: (bytes: Uint8Array<ArrayBuffer>) => T | Promise<T>,
  ): Promise<T | null> => {
    const bytes = given.get(name);
    if (!bytes) return null;
    try {
      if (bytes.length === 0) throw new RangeError("is empty");
      return await read(bytes);
    } catch (error) {
      throw error instanceof RangeError ? new RangeError(`${settings[name]} ${error.message}`) : error;
    }
  };
  const certificate = await of("certificate", chainOf);
  const key = await of("key", async (bytes) => {
    const read = await privateKey(bytes);
    if (read.point) publicKeys.set("tls-key", read.point);
    return read.der;
  });
  const signKey = await of("signKey", async (bytes) => {
    const read = await p256Key(bytes);
    publicKeys.set("sign-key", read.point);
    return read.der;
  });
  const secrets: ProfileSecrets = {
    wifiPassword: (await of("wifiPassword", text)) ?? "",
    brokerPassword: auth === "password" ? await of("brokerPassword", text) : null,
    jwtKey: jwt
      ? await of("jwtKey", async (bytes) =>
          jwt.algorithm === "ES256" ? (await p256Key(bytes)).der : new TextEncoder().encode(text(bytes)),
        )
      : null,
    ca: await of("ca", (bytes) => one("CERTIFICATE", bytes)),
    crl: await of("crl", (bytes) => one("X509 CRL", bytes)),
    certificate,
    key,
    psk: await of("psk", bytesOfHex),
    signKey,
  };
  return {
    profile: withPoints(profile, {
      recipient: (await of("recipient", publicPoint)) ?? undefined,
      operator: (await of("operator", publicPoint)) ?? undefined,
    }),
    secrets,
    publicKeys,
    issuing: await issuingOf(of),
  };
}

const settings: { readonly [name in NeedName]: string } = {
  wifiPassword: "wifi.password",
  brokerPassword: "broker.password",
  jwtKey: "broker.jwt.key",
  ca: "broker.tls.ca",
  crl: "broker.tls.crl",
  certificate: "broker.tls.certificate",
  key: "broker.tls.key",
  psk: "broker.tls.psk.key",
  signKey: "topics.signKey",
  recipient: "topics.recipient.key",
  operator: "commands.operator.key",
  issuingCertificate: "the issuing CA's certificate",
  issuingKey: "the issuing CA's key",
};

/** Editors end a file with a line feed that is no part of the secret. */
function text(bytes: Uint8Array): string {
  const read = decoded(bytes).replace(/\r?\n$/, "");
  if (read === "") throw new RangeError("is empty");
  return read;
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new RangeError("is no text in UTF-8");
  }
}

function bytesOfHex(bytes: Uint8Array): Uint8Array {
  const digits = text(bytes);
  if (!/^([0-9A-Fa-f]{2}){16,64}$/.test(digits))
    throw new RangeError("must be 32 to 128 hex digits (16 to 64 bytes), and nothing else");
  return Uint8Array.from(digits.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}

function one(label: "CERTIFICATE" | "X509 CRL", bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const blocks = derBlocks(label, bytes);
  if (blocks.length > 1) throw new RangeError(`holds ${blocks.length}, a device takes one`);
  return blocks[0]!;
}

/** As a device stores it: one in DER, several in PEM. */
function chainOf(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  const chain = derBlocks("CERTIFICATE", bytes);
  if (chain.length === 1) return chain[0]!;
  return new TextEncoder().encode(chain.map((der) => pem("CERTIFICATE", der)).join(""));
}

async function issuingOf(
  of: <T>(name: NeedName, read: (bytes: Uint8Array<ArrayBuffer>) => T | Promise<T>) => Promise<T | null>,
): Promise<Certified | undefined> {
  const certificate = await of("issuingCertificate", (bytes) => derBlocks("CERTIFICATE", bytes)[0]!);
  const facts = await of("issuingCertificate", () => certificateFacts(certificate!).catch(damaged));
  const key = await of("issuingKey", async (bytes) => {
    const { der, point } = await p256Key(bytes);
    if (facts?.point === hexOf(point)) return der;
    der.fill(0);
    throw new RangeError("does not belong to its certificate");
  });
  return certificate && key ? { certificate, key } : undefined;
}

function damaged(): never {
  throw new RangeError("is no certificate");
}
