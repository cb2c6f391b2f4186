/** A controller and the device it speaks to, in one: makes the messages that the tests let arrive. */
import { type Command, encodeCommand } from "../../../lib/commands/command.js";
import type { Crypto, Key } from "../../../lib/crypto/crypto.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { type ContentType, coseSign1, plainCbor } from "../../../lib/sealed/header.js";
import {
  deriveSealKey,
  deriveStampKey,
  type SealKey,
  type Sender,
  type StampKey,
} from "../../../lib/sealed/keys.js";
import { type OperatorKey, signOperator } from "../../../lib/sealed/operator.js";
import { protect } from "../../../lib/sealed/protect.js";

export const topic = "sensors/d/command";
export const office: Sender = { id: "office", epoch: 1 };
export const attic: Sender = { id: "attic", epoch: 1 };

export const now = 1_800_000_000;

export function commandAt(seconds: number, change: Partial<Command> = {}): Command {
  return {
    name: "led",
    args: [true],
    issuedAt: seconds,
    expiresAt: seconds + 3600,
    challenge: null,
    ...change,
  };
}

/** The key of `sender` for `onTopic`. */
export function keyFor(
  crypto: Crypto,
  sender: Sender,
  how: "stamp" | "seal" = "stamp",
  onTopic = topic,
): StampKey | SealKey {
  const secret = crypto.importSecret(new Uint8Array(32).fill(7));
  const channel = { sender, direction: "down", topic: onTopic } as const;
  const key =
    how === "stamp" ? deriveStampKey(crypto, secret, channel) : deriveSealKey(crypto, secret, channel);
  secret.close();
  return key;
}

export function send(
  crypto: Crypto,
  key: StampKey | SealKey,
  counter: number,
  plaintext: Uint8Array,
  contentType: ContentType = plainCbor,
): Uint8Array {
  return protect(crypto, key, thaw({ counter, plaintext, contentType }));
}

/** `around`: whose kid, topic and counter the operator signs for, where that is not the message's own. */
export function sendSigned(
  crypto: Crypto,
  key: StampKey | SealKey,
  counter: number,
  operator: OperatorKey,
  command: Command,
  around: { readonly kid?: Uint8Array; readonly topic?: string; readonly counter?: number } = {},
): Uint8Array {
  const plaintext = encodeCommand(command);
  const outer = { topic: around.topic ?? topic, kid: around.kid ?? key.kid };
  const message = thaw({ counter: around.counter ?? counter, plaintext, contentType: plainCbor } as const);
  return send(crypto, key, counter, signOperator(crypto, operator, outer, message), coseSign1);
}

export function operatorKey(crypto: Crypto, der: Uint8Array, name = "ops"): OperatorKey {
  const kid = Uint8Array.from(name, (character) => character.charCodeAt(0));
  const key: Key = crypto.importSigningKey(der);
  return { kid, key };
}
