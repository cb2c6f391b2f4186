/** Stamps and seals by the names that profiles, keyrings and commands give their algorithms. */
import type { SealAlgorithm, StampAlgorithm } from "../lib/sealed/keys.js";
import {
  type SealAlgorithmName,
  type StampAlgorithmName,
  sealAlgorithms,
  stampAlgorithms,
} from "../lib/store/protection.js";

/** With which algorithm the messages of a topic are protected. */
export type Symmetric =
  | { readonly protection: "stamp"; readonly alg: StampAlgorithm }
  | { readonly protection: "seal"; readonly alg: SealAlgorithm };

export type SymmetricName = StampAlgorithmName | SealAlgorithmName;

export const symmetricNames = [
  ...Object.keys(stampAlgorithms),
  ...Object.keys(sealAlgorithms),
] as readonly SymmetricName[];

/** What is meant where no algorithm is named. */
export const defaultSymmetric: { readonly [name in Symmetric["protection"]]: Symmetric } = {
  stamp: { protection: "stamp", alg: stampAlgorithms["hmac-256"] },
  seal: { protection: "seal", alg: sealAlgorithms["chacha20-poly1305"] },
};

export function symmetricNamed(name: SymmetricName): Symmetric {
  return name === "hmac-256" || name === "hmac-256-64"
    ? { protection: "stamp", alg: stampAlgorithms[name] }
    : { protection: "seal", alg: sealAlgorithms[name] };
}

export function isSymmetricName(name: unknown): name is SymmetricName {
  return symmetricNames.includes(name as SymmetricName);
}
