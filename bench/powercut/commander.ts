/**
 * Who commands the campaign's board: settings good and bad, new keys, a restart. What becomes of them is the board's; the
 * ledger hears the answers.
 */
import { generateKeyPairSync } from "node:crypto";
import { decode } from "cborg";
import { nodeCrypto } from "../../backend/node-crypto.js";
import type { Prng } from "../../host-sim/world/prng.js";
import { type Argument, type Command, encodeCommand } from "../../lib/commands/command.js";
import { thaw } from "../../lib/sealed/frozen.js";
import { coseSign1, plainCbor } from "../../lib/sealed/header.js";
import { deriveStampKey } from "../../lib/sealed/keys.js";
import { deriveNextSecret } from "../../lib/sealed/next-secret.js";
import { signOperator } from "../../lib/sealed/operator.js";
import { protect } from "../../lib/sealed/protect.js";

/** One pair for all lives: keys take their time to be made. */
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const signing = nodeCrypto.importSigningKey(
  new Uint8Array(pair.privateKey.export({ type: "pkcs8", format: "der" })),
);
export const operatorKid = "ops";

/** As a profile names it: base64url of the uncompressed point. */
export function operatorPoint(): string {
  const { x, y } = pair.publicKey.export({ format: "jwk" });
  const coordinates = [x!, y!].map((part) => Buffer.from(part, "base64url"));
  return Buffer.concat([Buffer.of(4), ...coordinates]).toString("base64url");
}

export interface Keys {
  readonly secret: Uint8Array;
  readonly epoch: number;
}

interface Draft {
  readonly name: string;
  readonly args: readonly Argument[];
  readonly signed: boolean;
  /** What the device's keys are once it has done it. */
  readonly next?: Keys;
}

const saltBytes = 16;

export class Commander {
  readonly #random: Prng;
  readonly #topic: string;
  readonly #operator: boolean;
  /** By the epoch that they make. */
  readonly #salts = new Map<number, Uint8Array>();
  #challenge: Uint8Array | null = null;
  #counter = 0;

  /** @param operator the board can verify a signature */
  constructor(random: Prng, topic: string, operator: boolean) {
    this.#random = random;
    this.#topic = topic;
    this.#operator = operator;
  }

  /** @param payload of an answer: [controller, counter, status, value, challenge] */
  heard(payload: Uint8Array): void {
    const [, , , , challenge] = decode(payload) as readonly [
      string,
      number,
      string,
      unknown,
      Uint8Array | null,
    ];
    if (challenge) this.#challenge = challenge;
  }

  /** The next command, and the keys that it makes, if it does. */
  command(
    controller: string,
    keys: Keys,
    nowMs: number,
  ): { readonly message: Uint8Array; readonly next?: Keys } {
    const draft = this.#draft(keys);
    const nowSeconds = Math.floor(nowMs / 1000);
    const command: Command = {
      ...{ name: draft.name, args: draft.args, issuedAt: nowSeconds, expiresAt: nowSeconds + 86_400 },
      challenge: this.#challenge,
    };
    const secret = nodeCrypto.importSecret(keys.secret);
    const sender = { id: controller, epoch: keys.epoch };
    const key = deriveStampKey(nodeCrypto, secret, { sender, direction: "down", topic: this.#topic });
    secret.close();
    const counter = this.#counter++;
    const plain = thaw({ counter, plaintext: encodeCommand(command), contentType: plainCbor } as const);
    const outer = { topic: this.#topic, kid: key.kid };
    const operator = { kid: new TextEncoder().encode(operatorKid), key: signing };
    const inner = draft.signed
      ? thaw({
          counter,
          plaintext: signOperator(nodeCrypto, operator, outer, plain),
          contentType: coseSign1,
        } as const)
      : plain;
    const message = protect(nodeCrypto, key, inner);
    key.key.close();
    return { message, ...(draft.next && { next: draft.next }) };
  }

  #draft(keys: Keys): Draft {
    const random = this.#random;
    const unsigned = (name: string, ...args: Argument[]): Draft => ({ name, args, signed: false });
    switch (random.whole(0, this.#operator ? 7 : 4)) {
      case 0:
        return unsigned("interval", random.whole(60, 3600));
      case 1:
        return unsigned("batch", random.whole(1, 6));
      case 2:
        return unsigned("alarm", "id", "above", random.whole(0, 2 ** 30));
      case 3:
        return unsigned("interval", -1);
      case 4:
        return unsigned("identify");
      case 5:
        return { name: "reboot", args: [], signed: true };
    }
    const epoch = keys.epoch + 1;
    // The same again when it is asked again: whichever of the commands is carried out, it makes the same keys.
    const salt = this.#salts.get(epoch) ?? random.bytes(saltBytes);
    this.#salts.set(epoch, salt);
    const present = nodeCrypto.importSecret(keys.secret);
    const secret = deriveNextSecret(nodeCrypto, present, epoch, salt);
    present.close();
    const args = [epoch, Buffer.from(salt).toString("hex")];
    return { name: "keys", args, signed: true, next: { secret, epoch } };
  }
}
