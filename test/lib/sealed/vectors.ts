/** What test/vectors/sealed/*.json hold; bytes are hex. */
import type { HmacAlgorithm } from "../../../lib/cose/mac0.js";
import type { Channel, Direction, SealAlgorithm } from "../../../lib/sealed/keys.js";

interface ChannelCase {
  readonly senderId: string;
  readonly epoch: number;
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

export interface HeaderCase {
  readonly alg: number;
  readonly senderId: string;
  readonly epoch: number;
  readonly counter: number;
  readonly contentType?: 110;
  readonly counterBytes: string;
  readonly protected: string;
}

export interface StampCase extends ChannelCase {
  readonly name: string;
  readonly secret: string;
  readonly alg: HmacAlgorithm;
  readonly counter: number;
  readonly payload: string;
  readonly contentType?: 110;
  readonly macStructure: string;
  readonly tag: string;
  readonly message: string;
}

export interface RejectFile extends ChannelCase {
  readonly secret: string;
  readonly alg: HmacAlgorithm;
  readonly counter: number;
  readonly payload: string;
  readonly cases: readonly { readonly name: string; readonly accept: boolean; readonly message: string }[];
}

/** The cases of a file of vectors. */
export function casesOf<T>(file: unknown): readonly T[] {
  return (file as { cases: readonly T[] }).cases;
}

export function channelOf({ senderId, epoch, direction, topic }: ChannelCase): Channel {
  return { sender: { id: senderId, epoch }, direction, topic };
}
