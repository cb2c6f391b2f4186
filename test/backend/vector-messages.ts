/** The vectors of all four protections as one list: message, what is in it, and the keyring entry that opens it. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Protection } from "../../backend/receiver.js";

export interface VectorMessage {
  readonly name: string;
  readonly protection: Protection;
  readonly topic: string;
  readonly direction: "up" | "down";
  readonly message: Uint8Array;
  readonly payload: Uint8Array;
  readonly contentType: number | null;
  /** null: from anybody. */
  readonly sender: string | null;
  readonly epoch: number | null;
  readonly counter: number | null;
  readonly entry: Record<string, unknown>;
}

interface Signer {
  readonly signKey: string;
  readonly senderId: string;
  readonly epoch: number;
  readonly shortKid?: string;
  readonly kid?: string;
}

interface Case extends Partial<Signer> {
  readonly name: string;
  readonly topic: string;
  readonly counter: number;
  readonly payload: string;
  readonly contentType?: number;
  readonly message: string;
  readonly secret?: string;
  readonly alg?: number;
  readonly direction?: "up" | "down";
  readonly recipientKid?: string;
  readonly recipientKey?: string;
  readonly signer?: Signer;
}

const algorithms: Record<number, string> = {
  5: "hmac-256",
  4: "hmac-256-64",
  24: "chacha20-poly1305",
  1: "a128gcm",
  3: "a256gcm",
  10: "aes-ccm-16-64-128",
};

export const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));

/** PKCS #8 in hex, as PEM. */
export function privatePem(der: string): string {
  const key = createPrivateKey({ key: Buffer.from(der, "hex"), format: "der", type: "pkcs8" });
  return key.export({ format: "pem", type: "pkcs8" }) as string;
}

/** The public half of it. */
export function publicPem(der: string): string {
  return createPublicKey(privatePem(der)).export({ format: "pem", type: "spki" }) as string;
}

function cases(file: string): readonly Case[] {
  const url = new URL(`../../../../test/vectors/sealed/${file}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")).cases;
}

function common(vector: Case, protection: Protection) {
  return {
    name: `${protection}: ${vector.name}`,
    protection,
    topic: vector.topic,
    direction: vector.direction ?? ("up" as const),
    message: bytes(vector.message),
    payload: bytes(vector.payload),
    contentType: vector.contentType ?? null,
  };
}

function who({ senderId, epoch, kid, shortKid }: Partial<Signer>) {
  const short = shortKid ?? kid;
  return { device: senderId, epoch, ...(short !== undefined && { kid: short }) };
}

function symmetric(file: "stamp" | "seal"): VectorMessage[] {
  return cases(file).map((vector) => ({
    ...common(vector, file),
    sender: vector.senderId!,
    epoch: vector.epoch!,
    counter: vector.counter,
    entry: {
      ...who(vector),
      secret: vector.secret,
      topics: { [vector.topic]: { protection: file, algorithm: algorithms[vector.alg!] } },
    },
  }));
}

function signed(): VectorMessage[] {
  return cases("sign").map((vector) => ({
    ...common(vector, "sign"),
    sender: vector.senderId!,
    epoch: vector.epoch!,
    counter: vector.counter,
    entry: { ...who(vector), publicKey: publicPem(vector.signKey!), topics: { [vector.topic]: "sign" } },
  }));
}

function sealedTo(): VectorMessage[] {
  return cases("seal-to").map((vector) => {
    const { signer } = vector;
    const recipient = {
      recipient: Buffer.from(vector.recipientKid!, "hex").toString("utf8"),
      privateKey: privatePem(vector.recipientKey!),
      topics: ["sensors/#"],
    };
    return {
      ...common(vector, "sealTo"),
      sender: signer?.senderId ?? null,
      epoch: signer?.epoch ?? null,
      counter: signer ? vector.counter : null,
      entry: signer
        ? { ...recipient, signers: [{ ...who(signer), publicKey: publicPem(signer.signKey) }] }
        : recipient,
    };
  });
}

/** What a host may receive: commands go the other way. */
export const vectorMessages: readonly VectorMessage[] = [
  ...symmetric("stamp"),
  ...symmetric("seal"),
  ...signed(),
  ...sealedTo(),
].filter(({ direction, contentType }) => direction === "up" && contentType !== 18);
