/** What a message says about itself, to find its key by. Nothing of it is verified, and nothing else is told. */
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

/** By the first byte, the head of a CBOR tag: a board's memory is too small to read all of it for that. */
function claim(message: Uint8Array): Claim | undefined {
  switch (message[0]) {
    case 0xd0: {
      const { alg, kid } = parseSeal(message).header;
      return { protection: "seal", alg, kid };
    }
    case 0xd1: {
      const { alg, kid } = parseStamp(message).header;
      return { protection: "stamp", alg, kid };
    }
    case 0xd2: {
      const { alg, kid } = parseSigned(message).header;
      return { protection: "sign", alg, kid };
    }
    case 0xd8:
      return {
        protection: "sealTo",
        alg: contentAlgorithm,
        recipientKid: parseSealTo(message).recipientKid,
      };
  }
  return undefined;
}
