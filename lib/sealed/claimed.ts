/** What a message says about itself, to find its key by. Nothing of it is verified, and nothing else is told. */
import { decode } from "../cbor/decode.js";
import { CborTagged } from "../cbor/value.js";
import { cborTag } from "../cose/labels.js";
import { parsed } from "./opened.js";
import { parseSeal } from "./seal.js";
import { contentAlgorithm } from "./seal-to.js";
import { parseSigned } from "./signed.js";
import { parseStamp } from "./stamp.js";
import { parseSealTo } from "./unseal.js";

/** Views of the message. */
export type Claim =
  | { readonly protection: "stamp" | "seal" | "sign"; readonly alg: number; readonly kid: Uint8Array }
  | { readonly protection: "sealTo"; readonly alg: number; readonly recipientKid: Uint8Array };

/** @returns undefined for what `protect` would not have written; its key would call it malformed. */
export function claimed(message: Uint8Array): Claim | undefined {
  return parsed(claim, message);
}

function claim(message: Uint8Array): Claim | undefined {
  switch (tagOf(message)) {
    case cborTag.mac0: {
      const { alg, kid } = parseStamp(message).header;
      return { protection: "stamp", alg, kid };
    }
    case cborTag.encrypt0: {
      const { alg, kid } = parseSeal(message).header;
      return { protection: "seal", alg, kid };
    }
    case cborTag.sign1: {
      const { alg, kid } = parseSigned(message).header;
      return { protection: "sign", alg, kid };
    }
    case cborTag.encrypt:
      return {
        protection: "sealTo",
        alg: contentAlgorithm,
        recipientKid: parseSealTo(message).recipientKid,
      };
  }
  return undefined;
}

function tagOf(message: Uint8Array): number | undefined {
  const item = decode(message);
  return item instanceof CborTagged ? item.tag : undefined;
}
