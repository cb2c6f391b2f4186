/** A device as receivers see it: its keys, the keyring that knows them, and its messages, one for each counter asked for. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { nodeCrypto } from "../../backend/node-crypto.js";
import type { AeadAlgorithm } from "../../lib/crypto/crypto.js";
import { thaw } from "../../lib/sealed/frozen.js";
import { deriveSealKey, deriveStampKey, type Sender, signKey } from "../../lib/sealed/keys.js";
import { protect, type SenderKey } from "../../lib/sealed/protect.js";
import { encodePackCbor } from "../../lib/senml/cbor.js";
import { encodePackJson } from "../../lib/senml/json.js";
import type { SenmlRecord } from "../../lib/senml/record.js";

export const secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

export interface Content {
  readonly counter: number;
  readonly records?: readonly SenmlRecord[];
  readonly json?: boolean;
  /** Instead of SenML. */
  readonly plaintext?: Uint8Array;
  readonly contentType?: 60 | 110;
}

/** Noon on a day of May. */
export const timeOfReading = 1_778_760_000;

export function temperature(device: string, celsius: number): SenmlRecord[] {
  return [{ bn: `urn:dev:ops:${device}/`, n: "temperature", u: "Cel", v: celsius, t: timeOfReading }];
}

export class SealedDevice {
  readonly sender: Sender;
  readonly signing = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly recipient = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly #secret = nodeCrypto.importSecret(Buffer.from(secret, "hex"));

  constructor(id = "dormouse-1", epoch = 0) {
    this.sender = { id, epoch };
  }

  topic(last: string): string {
    return `sensors/${this.sender.id}/${last}`;
  }

  #protected(key: SenderKey, { counter, records, json, plaintext, contentType }: Content): Uint8Array {
    const pack = records ?? temperature(this.sender.id, 20 + (counter % 100) / 10);
    const content = plaintext ?? (json ? encodePackJson(pack) : encodePackCbor(pack));
    const type = contentType ?? (json ? (110 as const) : undefined);
    const draft = { counter, plaintext: content, ...(type !== undefined && { contentType: type }) };
    return protect(nodeCrypto, key, thaw(draft));
  }

  stamped(content: Content, last = "readings"): Uint8Array {
    const channel = { sender: this.sender, direction: "up", topic: this.topic(last) } as const;
    return this.#protected(deriveStampKey(nodeCrypto, this.#secret, channel), content);
  }

  sealed(content: Content, last = "sealed", alg: AeadAlgorithm = 24): Uint8Array {
    const channel = { sender: this.sender, direction: "up", topic: this.topic(last) } as const;
    return this.#protected(deriveSealKey(nodeCrypto, this.#secret, channel, alg), content);
  }

  signed(content: Content, last = "signed"): Uint8Array {
    return this.#protected(this.#signKey(last), content);
  }

  /** @param signs whether who sends it is in it */
  sealedTo(content: Content, signs: boolean, last = signs ? "to" : "to-unsigned"): Uint8Array {
    const jwk = this.recipient.publicKey.export({ format: "jwk" });
    const point = [4, ...Buffer.from(jwk.x!, "base64url"), ...Buffer.from(jwk.y!, "base64url")];
    const key = {
      protection: "sealTo",
      recipientKid: Buffer.from(signs ? "plant" : "plant-unsigned"),
      recipientPoint: Uint8Array.from(point),
      topic: this.topic(last),
      ...(signs && { signer: this.#signKey(last) }),
    } as const;
    return this.#protected(key, content);
  }

  #signKey(last: string) {
    const der = this.signing.privateKey.export({ format: "der", type: "pkcs8" });
    return signKey(this.sender, this.topic(last), nodeCrypto.importSigningKey(der));
  }

  /** What a receiver of all that this device sends has. */
  keyring(): string {
    return keyringOf(...this.entries());
  }

  entries(): object[] {
    const device = { device: this.sender.id, epoch: this.sender.epoch };
    const publicKey = pemOf(this.signing.publicKey);
    const privateKey = pemOf(this.recipient.privateKey);
    return [
      { ...device, secret, topics: { [this.topic("readings")]: "stamp", [this.topic("sealed")]: "seal" } },
      { ...device, publicKey, topics: { [this.topic("signed")]: "sign" } },
      {
        recipient: "plant",
        privateKey,
        topics: ["sensors/+/to"],
        signers: [{ ...device, publicKey }],
      },
      { recipient: "plant-unsigned", privateKey, topics: ["sensors/+/to-unsigned"] },
    ];
  }
}

export function keyringOf(...keys: readonly object[]): string {
  return `${JSON.stringify({ schema: 1, keys })}\n`;
}

function pemOf(key: KeyObject): string {
  return key.type === "public"
    ? (key.export({ format: "pem", type: "spki" }) as string)
    : (key.export({ format: "pem", type: "pkcs8" }) as string);
}
