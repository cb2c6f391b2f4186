/** What test/vectors/auth/*.json hold; bytes are hex, tokens and passwords text. */
import type { TokenAlgorithm } from "../../../lib/auth/jwt.js";
import type { Crypto, Key } from "../../../lib/crypto/crypto.js";
import { fromHex } from "../../device/harness.js";

export interface PasswordCase {
  readonly secret: string;
  readonly deviceId: string;
  readonly epoch: number;
  readonly info: string;
  readonly password: string;
}

export const es256Forms = [
  "pkcs8",
  "pkcs8, number alone",
  "pkcs8, with curve",
  "sec1",
  "sec1, number and curve",
] as const;

export type Es256Form = (typeof es256Forms)[number];

export interface Es256Case {
  readonly key: string;
  readonly forms: Readonly<Record<Es256Form, string>>;
  readonly signatures: readonly { readonly message: string; readonly signature: string }[];
}

export interface TokenCase {
  readonly algorithm: TokenAlgorithm;
  readonly key: string;
  readonly subject: string;
  readonly issuedAtSeconds: number;
  readonly lifetimeSeconds: number;
  readonly audience?: string;
  readonly token: string;
}

export function importTokenKey(crypto: Crypto, { algorithm, key }: TokenCase): Key {
  return algorithm === "HS256" ? crypto.importMacKey(fromHex(key)) : crypto.importSigningKey(fromHex(key));
}

export function ascii(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
