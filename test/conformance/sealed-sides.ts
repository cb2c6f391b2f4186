/** Three implementations that share no code, each as a maker and an opener of messages. */
import { nodeCrypto } from "../../backend/node-crypto.js";
import { type Accepted, open, type Sender } from "../../host-sim/world/opener.js";
import { sealAlgorithms, stampAlgorithms } from "../../host-sim/world/seal-keys.js";
import type { Key } from "../../lib/crypto/crypto.js";
import { thaw } from "../../lib/sealed/frozen.js";
import { type Channel, deriveSealKey, deriveStampKey, signKey } from "../../lib/sealed/keys.js";
import * as sealed from "../../lib/sealed/protect.js";
import { protect } from "../host-sim/world/sealing.js";
import type { PythonPeer } from "./python-peer.js";
import type { Draft } from "./sealed-drafts.js";

const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

/** What a receiver gets to know. */
export interface Content {
  readonly counter: number | null;
  readonly contentType: number | null;
  readonly payload: string;
  readonly identity: string | null;
}

export const contentOf = ({ kind, counter, contentType, payload }: Draft) => ({
  counter: kind.protection === "sealTo" && !kind.signed ? null : counter,
  contentType,
  payload: hex(payload),
});

/** Of one side: how it makes a draft's message, and what it finds in one; null: it refuses. */
export interface Side {
  make(drafts: readonly Draft[]): Promise<Uint8Array[]> | Uint8Array[];
  open(
    cases: readonly { readonly draft: Draft; readonly message: Uint8Array }[],
  ): Promise<(Content | null)[]> | (Content | null)[];
}

export const lib: Side = {
  make: (drafts) =>
    drafts.map((draft) => {
      const { counter, contentType, payload: plaintext } = draft;
      const message = thaw({ counter, plaintext, ...(contentType !== null && { contentType }) });
      const key = senderKey(draft);
      try {
        return sealed.protect(nodeCrypto, key, message);
      } finally {
        sealed.closeKey(key);
      }
    }),
  open: (cases) =>
    cases.map(({ draft, message }) => {
      const key = receiverKey(draft);
      try {
        return libContent(sealed.open(nodeCrypto, key, message));
      } finally {
        sealed.closeKey(key);
      }
    }),
};

function libContent(check: ReturnType<typeof sealed.open>): Content | null {
  switch (check.verdict) {
    case "bad":
      return null;
    case "unauthenticated":
      return {
        counter: null,
        contentType: check.contentType ?? null,
        payload: hex(check.payload),
        identity: null,
      };
    case "verified": {
      const { counter, contentType = null, payload, identity } = check.message;
      return { counter, contentType, payload: hex(payload), identity: hex(identity) };
    }
  }
}

function symmetricKey(draft: Draft): sealed.SenderKey & sealed.ReceiverKey {
  const channel: Channel = { sender: senderOf(draft), direction: draft.direction, topic: draft.topic };
  const secret = nodeCrypto.importSecret(draft.secret);
  try {
    if (draft.kind.protection === "stamp")
      return deriveStampKey(nodeCrypto, secret, channel, draft.kind.algorithm);
    if (draft.kind.protection === "seal")
      return deriveSealKey(nodeCrypto, secret, channel, draft.kind.algorithm);
    throw new TypeError("no symmetric key");
  } finally {
    secret.close();
  }
}

const senderOf = ({ id, epoch, kid }: Draft) => ({ id, epoch, ...(kid && { kid }) });

function senderKey(draft: Draft): sealed.SenderKey {
  const { kind, topic, own, recipient, recipientName } = draft;
  if (kind.protection === "stamp" || kind.protection === "seal") return symmetricKey(draft);
  const signer = () => signKey(senderOf(draft), topic, nodeCrypto.importSigningKey(own.der));
  if (kind.protection === "sign") return signer();
  const recipientKid = Buffer.from(recipientName);
  const key = { protection: "sealTo", recipientKid, recipientPoint: recipient.point, topic } as const;
  return kind.signed ? { ...key, signer: signer() } : key;
}

function receiverKey(draft: Draft): sealed.ReceiverKey {
  const { kind, topic, own, recipient, recipientName } = draft;
  if (kind.protection === "stamp" || kind.protection === "seal") return symmetricKey(draft);
  const signer = () => signKey(senderOf(draft), topic, nodeCrypto.importVerifyingKey(own.point));
  if (kind.protection === "sign") return signer();
  const agreementKey: Key = nodeCrypto.importAgreementKey(recipient.der);
  const opener = {
    protection: "sealTo",
    recipientKid: Buffer.from(recipientName),
    agreementKey,
    topic,
  } as const;
  return kind.signed ? { ...opener, signer: signer() } : opener;
}

export const independent: Side = {
  make: (drafts) =>
    drafts.map((draft) => {
      const { topic: to, counter, contentType, payload, own } = draft;
      return protect({
        by: acceptedSender(draft),
        to,
        signingKey: own.privateKey,
        counter,
        contentType,
        payload,
      });
    }),
  open: (cases) =>
    cases.map(({ draft, message }) => {
      const found = open(message, draft.topic, [acceptedSender(draft)]);
      if ("refused" in found) return null;
      const { counter, contentType, payload, identity } = found;
      return { counter, contentType, payload: hex(payload), identity: identity && hex(identity) };
    }),
};

function acceptedSender(draft: Draft): Sender {
  return { ...senderOf(draft), direction: draft.direction, accepts: acceptedOf(draft) };
}

function acceptedOf({ kind, secret, own, recipient, recipientName }: Draft): Accepted {
  switch (kind.protection) {
    case "stamp":
    case "seal":
      return { ...kind, secret } as Accepted;
    case "sign":
      return { protection: "sign", publicKey: own.publicKey };
    case "sealTo":
      return {
        protection: "sealTo",
        recipientKid: Buffer.from(recipientName),
        privateKey: recipient.privateKey,
        signer: kind.signed ? own.publicKey : null,
      };
  }
}

/** As in a keyring; a recipient's with the one signer in question. */
function entryOf(draft: Draft): unknown {
  const { kind, id: device, epoch, kid, topic, own, recipient, recipientName } = draft;
  const owner = { device, epoch, ...(kid && { kid: hex(kid) }) };
  const signer = { ...owner, publicKey: own.publicPem };
  switch (kind.protection) {
    case "stamp":
    case "seal": {
      const algorithms: Readonly<Record<number, { readonly name: string }>> =
        kind.protection === "stamp" ? stampAlgorithms : sealAlgorithms;
      const how = { protection: kind.protection, algorithm: algorithms[kind.algorithm]!.name };
      return { ...owner, secret: hex(draft.secret), topics: { [topic]: how } };
    }
    case "sign":
      return { ...signer, topics: { [topic]: "sign" } };
    case "sealTo":
      return {
        recipient: recipientName,
        privateKey: recipient.privatePem,
        signer: kind.signed ? signer : null,
      };
  }
}

export function pythonSide(peer: PythonPeer): Side {
  const order = (draft: Draft) => ({ entry: entryOf(draft), topic: draft.topic, direction: draft.direction });
  return {
    make: async (drafts) => {
      const orders = drafts.map((draft) => {
        const { counter, contentType, payload, own } = draft;
        return { ...order(draft), counter, contentType, payload: hex(payload), signingKey: own.privatePem };
      });
      return (await peer.ask<string>(orders)).map(bytes);
    },
    open: async (cases) => {
      const orders = cases.map(({ draft, message }) => ({ ...order(draft), message: hex(message) }));
      type Answer = [
        payload: string,
        contentType: number | null,
        counter: number | null,
        identity: string | null,
      ];
      return (await peer.ask<Answer | null>(orders)).map((answer) => {
        if (answer === null) return null;
        const [payload, contentType, counter, identity] = answer;
        return { counter, contentType, payload, identity };
      });
    },
  };
}
