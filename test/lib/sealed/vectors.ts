/** What test/vectors/sealed/*.json hold; bytes are hex. */
import type { HmacAlgorithm } from "../../../lib/cose/mac0.js";
import type { ContentType } from "../../../lib/sealed/header.js";
import type { Channel, Direction, SealAlgorithm } from "../../../lib/sealed/keys.js";
import { fromHex } from "../../device/harness.js";

export interface SenderCase {
  readonly senderId: string;
  readonly epoch: number;
  readonly shortKid?: string;
}

interface ChannelCase extends SenderCase {
  readonly direction: Direction;
  readonly topic: string;
}

export interface KdfCase extends ChannelCase {
  readonly secret: string;
  readonly alg: number;
  readonly keyBits: number;
  readonly info: string;
  readonly key: string;
}

export interface IvCase extends ChannelCase {
  readonly secret: string;
  readonly contentAlg: SealAlgorithm;
  readonly keyBits: number;
  readonly info: string;
  readonly iv: string;
}

export interface KidCase {
  readonly senderId: string;
  readonly epoch: number;
  readonly kid: string;
}

export interface NextSecretCase {
  readonly secret: string;
  readonly factoryEpoch: number;
  readonly salt: string;
  readonly epoch: number;
  readonly info: string;
  readonly nextSecret: string;
  readonly senderId: string;
  readonly topic: string;
  readonly kid: string;
  readonly counter: number;
  readonly payload: string;
  /** Stamped with HMAC 256/256. */
  readonly message: string;
}

export interface HeaderCase {
  readonly alg: number;
  readonly senderId: string;
  readonly epoch: number;
  readonly counter: number;
  readonly contentType?: ContentType;
  readonly counterBytes: string;
  readonly protected: string;
}

export interface StampCase extends ChannelCase {
  readonly name: string;
  readonly secret: string;
  readonly alg: HmacAlgorithm;
  readonly counter: number;
  readonly payload: string;
  readonly contentType?: ContentType;
  readonly macStructure: string;
  readonly tag: string;
  readonly message: string;
}

interface Judged {
  readonly name: string;
  readonly accept: boolean;
  readonly message: string;
}

export interface RejectFile extends ChannelCase {
  readonly secret: string;
  readonly alg: HmacAlgorithm;
  readonly counter: number;
  readonly payload: string;
  readonly cases: readonly Judged[];
}

/** What a message says, whatever protects it. */
interface Content {
  readonly name: string;
  readonly counter: number;
  readonly payload: string;
  readonly contentType?: ContentType;
  readonly message: string;
}

export interface SealCase extends ChannelCase, Content {
  readonly secret: string;
  readonly alg: SealAlgorithm;
  readonly contextIv: string;
}

export interface SealRejects extends Omit<RejectFile, "alg"> {
  readonly alg: SealAlgorithm;
}

/** A key pair: the private key as PKCS #8, the public one as 04, x, y. */
export interface SignerCase extends SenderCase {
  readonly signKey: string;
  readonly point: string;
}

export interface SignCase extends SignerCase, Content {
  readonly topic: string;
  readonly identity: string;
}

export interface SignRejects extends SignerCase {
  readonly topic: string;
  readonly counter: number;
  readonly payload: string;
  /** The first message with n - s for s. */
  readonly malleated: string;
  readonly cases: readonly Judged[];
}

export interface RecipientCase {
  readonly recipientKid: string;
  readonly recipientKey: string;
  readonly recipientPoint: string;
  readonly topic: string;
  readonly signer?: SignerCase;
}

export interface SealToCase extends RecipientCase, Content {
  readonly ephemeralKey: string;
  readonly iv: string;
  readonly identity?: string;
}

export interface SealToRejects extends RecipientCase {
  readonly signer: SignerCase;
  readonly counter: number;
  readonly payload: string;
  readonly cases: readonly (Judged & { readonly withoutSigner: "bad" | "unauthenticated" })[];
}

interface OperatorAbout extends ChannelCase {
  readonly secret: string;
  readonly alg: 5 | 24;
  readonly counter: number;
  readonly operatorKid: string;
  readonly operatorKey: string;
  readonly operatorPoint: string;
}

export interface OperatorCase extends OperatorAbout {
  readonly name: string;
  readonly command: string;
  readonly signed: string;
  readonly message: string;
}

export interface OperatorRejects extends OperatorAbout {
  readonly payload: string;
  readonly cases: readonly Judged[];
}

/** The cases of a file of vectors. */
export function casesOf<T>(file: unknown): readonly T[] {
  return (file as { cases: readonly T[] }).cases;
}

export function senderOf({ senderId: id, epoch, shortKid }: SenderCase): Channel["sender"] {
  return shortKid === undefined ? { id, epoch } : { id, epoch, kid: fromHex(shortKid) };
}

export function channelOf(given: ChannelCase): Channel {
  const { direction, topic } = given;
  return { sender: senderOf(given), direction, topic };
}
