/**
 * Work whose price is measured: each protection, made and opened, with keys derived beforehand as a device and its
 * receiver have them. Preloaded it takes no memory itself.
 */
import type { AeadAlgorithm, Crypto } from "../../lib/crypto/crypto.js";
import { type Frozen, thaw } from "../../lib/sealed/frozen.js";
import {
  type Channel,
  deriveSealKey,
  deriveStampKey,
  type Sender,
  type StampAlgorithm,
  signKey,
} from "../../lib/sealed/keys.js";
import { closeKey, open, protect, type ReceiverKey, type SenderKey } from "../../lib/sealed/protect.js";
import { fromHex } from "./harness.js";

export type WorkName =
  | "stamp 5"
  | "stamp 4"
  | "seal 24"
  | "seal 1"
  | "seal 3"
  | "seal 10"
  | "sign"
  | "sealTo"
  | "sealTo signed";

export interface WorkOptions {
  readonly payloadBytes: number;
  readonly counter: number;
  /** In hex, in place of the one that is made of sender id and epoch. */
  readonly kid?: string;
}

export interface Work {
  /** A message on the topic; the same work each time. */
  protect(): Uint8Array;
  /** Opens what `protect` has made before. @throws when it is not what was put in */
  open(): void;
  close(): void;
}

const topic = "sensors/dormouse-1/readings";
/** PKCS #8 of a P-256 key, up to the number. */
const keyHead = "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420";

/** @throws RangeError for what the provider does not have */
export function prepare(crypto: Crypto, name: WorkName, options: WorkOptions): Work {
  const { payloadBytes, counter, kid } = options;
  const sender: Sender = kid
    ? { id: "dormouse-1", epoch: 0, kid: fromHex(kid) }
    : { id: "dormouse-1", epoch: 0 };
  const { senderKey, receiverKey } = keysFor(crypto, name, sender);
  const plaintext = new Uint8Array(payloadBytes).fill(0x5a);
  const message: Frozen = thaw({ plaintext, counter });
  const made = protect(crypto, senderKey, message);
  return {
    protect: () => protect(crypto, senderKey, message),
    open: () => {
      const found = open(crypto, receiverKey, made);
      const payload =
        found.verdict === "verified" ? found.message.payload : "payload" in found && found.payload;
      if (!payload || payload.length !== payloadBytes) throw new Error(`${name}: ${found.verdict}`);
    },
    close() {
      closeKey(senderKey);
      closeKey(receiverKey);
    },
  };
}

function keysFor(
  crypto: Crypto,
  name: WorkName,
  sender: Sender,
): { senderKey: SenderKey; receiverKey: ReceiverKey } {
  const channel: Channel = { sender, direction: "up", topic };
  const [kind, second] = name.split(" ") as [string, string | undefined];
  if (kind === "sign") return signKeys(crypto, sender);
  if (kind === "sealTo")
    return sealToKeys(crypto, second === "signed" ? signKeys(crypto, sender) : undefined);
  const secret = crypto.importSecret(new Uint8Array(32).fill(7));
  const key =
    kind === "stamp"
      ? deriveStampKey(crypto, secret, channel, Number(second) as StampAlgorithm)
      : deriveSealKey(crypto, secret, channel, Number(second) as AeadAlgorithm);
  secret.close();
  return { senderKey: key, receiverKey: key };
}

function signKeys(crypto: Crypto, sender: Sender) {
  const der = fromHex(keyHead + "11".repeat(32));
  // the public key of a signing key is that of the same number as an agreement key
  const pair = crypto.importAgreementKey(der);
  const verifying = crypto.importVerifyingKey(crypto.agreementPoint(pair));
  pair.close();
  return {
    senderKey: signKey(sender, topic, crypto.importSigningKey(der)),
    receiverKey: signKey(sender, topic, verifying),
  };
}

function sealToKeys(crypto: Crypto, signed: ReturnType<typeof signKeys> | undefined) {
  const agreementKey = crypto.importAgreementKey(fromHex(keyHead + "22".repeat(32)));
  const recipientKid = fromHex("706c616e742d37"); // "plant-7"
  const common = { protection: "sealTo", recipientKid, topic } as const;
  const senderKey = { ...common, recipientPoint: crypto.agreementPoint(agreementKey) };
  const receiverKey = { ...common, agreementKey };
  return signed
    ? {
        senderKey: { ...senderKey, signer: signed.senderKey },
        receiverKey: { ...receiverKey, signer: signed.receiverKey },
      }
    : { senderKey, receiverKey };
}
