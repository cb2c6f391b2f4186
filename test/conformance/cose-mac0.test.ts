/** The COSE working group's examples of COSE_Mac0 with HMAC 256/256 and 256/64. */
import assert from "node:assert/strict";
import { decodeMac0, mac0Tag, verifyMac0 } from "../../lib/cose/mac0.js";
import { nodeCrypto } from "../node-crypto.js";
import { readShared, sharedTest } from "./shared.js";

interface Example {
  readonly title: string;
  readonly fail?: boolean;
  readonly input: {
    readonly plaintext: string;
    readonly fail?: boolean;
    readonly mac0: {
      readonly alg: string;
      readonly external?: string;
      readonly recipients: readonly { readonly key: { readonly k: string } }[];
    };
  };
  readonly intermediates: { readonly ToMac_hex: string };
  readonly output: { readonly cbor: string };
}

const files = [
  ...["HMac-01", "mac-pass-01", "mac-pass-02", "mac-pass-03"].map((name) => `mac0-tests/${name}`),
  ...["01", "02", "03", "04", "06", "07"].map((name) => `mac0-tests/mac-fail-${name}`),
  ...["01", "02", "03", "04", "05"].map((name) => `hmac-examples/HMac-enc-${name}`),
];

function accepted(example: Example): boolean {
  const [recipient] = example.input.mac0.recipients;
  const key = nodeCrypto.importMacKey(Buffer.from(recipient!.key.k, "base64url"));
  const external = Uint8Array.from(Buffer.from(example.input.mac0.external ?? "", "hex"));
  try {
    const mac0 = decodeMac0(Uint8Array.from(Buffer.from(example.output.cbor, "hex")), { untagged: true });
    if (!verifyMac0(nodeCrypto, key, mac0, external)) return false;
    assert.equal(Buffer.from(mac0.payload).toString(), example.input.plaintext);
    const structure = Buffer.from(example.intermediates.ToMac_hex, "hex");
    const expected = nodeCrypto.hmac(key, structure).subarray(0, mac0.tag.length);
    const alg = example.input.mac0.alg === "HS256" ? 5 : 4;
    const tag = mac0Tag(nodeCrypto, key, alg, mac0.protectedBytes, external, mac0.payload);
    assert.deepEqual(tag, expected, "MAC_structure");
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

for (const file of files)
  sharedTest(`COSE example ${file}`, `cose/${file}.json`, () => {
    const example = readShared(`cose/${file}.json`) as Example;
    const ours = ["HS256", "HS256/64"].includes(example.input.mac0.alg);
    const genuine = !example.fail && !example.input.fail;
    assert.equal(accepted(example), ours && genuine, example.title);
  });
