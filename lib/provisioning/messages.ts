/**
 * What the frames carry: requests of a host, answers of a device. Payloads are arrays of deterministic CBOR, read as
 * strictly as they are written: one encoding for each message. There is no request that reads a secret.
 */
import { decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { CborError, type CborValue, isCborInteger } from "../cbor/value.js";
import { answerBit, encodeFrame, errorType, type Frame } from "./frames.js";

export const protocolVersion = 1;

/** Of one entry in flash. */
export const maxEntryBytes = 4096;
/** Of an entry, in one `write`. */
export const maxWriteBytes = 448;
export const minNonceBytes = 16;
export const maxNonceBytes = 32;
/** The device's own, in a proof. */
export const deviceNonceBytes = 16;

/** What `write` can name; each is an entry in flash but `secret`, which becomes part of the device record. */
export const entryNames = [
  "profile",
  "secret",
  "wifi-password",
  "broker-password",
  "jwt-key",
  "ca",
  "crl",
  "tls-cert",
  "tls-key",
  "tls-psk",
  "sign-key",
] as const;
export type EntryName = (typeof entryNames)[number];

/** Key pairs that the device can make. */
export const generatedKeys = ["tls-key", "sign-key"] as const;
export type GeneratedKey = (typeof generatedKeys)[number];

/** Keys whose possession it can prove. Passwords are not among them. */
export const provableKeys = ["secret", "psk", "tls-key", "sign-key"] as const;
export type ProvableKey = (typeof provableKeys)[number];

const boardStates = ["unprovisioned", "staging", "locked"] as const;
export type BoardState = (typeof boardStates)[number];

/** docs/errors.md has one operator action for each. */
export const errorKinds = [
  "bad-request",
  "unknown-request",
  "locked",
  "not-begun",
  "unknown-entry",
  "too-long",
  "wrong-order",
  "bad-value",
  "incomplete",
  "mismatch",
  "no-p256",
  "storage-failed",
  "too-often",
] as const;
export type ErrorKind = (typeof errorKinds)[number];

export type Request =
  | { readonly kind: "hello" }
  /** Erases all there is; without `keepWifi`, what Improv has set too. */
  | { readonly kind: "begin"; readonly keepWifi: boolean }
  | { readonly kind: "generate"; readonly key: GeneratedKey; readonly subject: string }
  /** The part of an entry of `total` bytes that begins at `offset`. `bytes` is a view of the frame's payload. */
  | {
      readonly kind: "write";
      readonly entry: EntryName;
      readonly total: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "commit"; readonly epoch: number }
  | { readonly kind: "prove"; readonly key: ProvableKey; readonly nonce: Uint8Array }
  | { readonly kind: "erase" }
  | { readonly kind: "restart" };

/** What a provisioned device is; fingerprints are SHA-256, of the certificate's DER and of the 65-byte public key. */
export interface DeviceIdentity {
  readonly id: string;
  readonly kid: Uint8Array;
  readonly epoch: number;
  readonly certificate?: Uint8Array;
  readonly signKey?: Uint8Array;
}

export interface Info {
  readonly protocol: number;
  readonly state: BoardState;
  readonly board: string;
  /** The firmware's version. */
  readonly firmware: string;
  /** 12 hexadecimal digits, or "" where the board has none to tell. */
  readonly mac: string;
  /** Whether a person can unlock it. */
  readonly button: boolean;
  readonly p256: boolean;
  /** Of the network that Improv has set. */
  readonly wifiSsid?: string;
  /** Of a locked board. */
  readonly device?: DeviceIdentity;
}

export type Answer =
  | { readonly kind: "hello"; readonly info: Info }
  | { readonly kind: "begin" }
  /** The public key, 65 bytes, and a certificate request (RFC 2986) for it, DER, signed with it. */
  | { readonly kind: "generate"; readonly point: Uint8Array; readonly csr: Uint8Array }
  | { readonly kind: "write"; readonly received: number }
  | { readonly kind: "commit"; readonly device: DeviceIdentity }
  | { readonly kind: "prove"; readonly nonce: Uint8Array; readonly proof: Uint8Array }
  | { readonly kind: "erase" }
  | { readonly kind: "restart" }
  /** `detail`: one line for the operator, never a secret. */
  | { readonly kind: "error"; readonly error: ErrorKind; readonly detail: string };

/** Why a request cannot be read: the error to answer with. */
export type Unreadable = "bad-request" | "unknown-request" | "unknown-entry";

const types = {
  hello: 1,
  begin: 2,
  generate: 3,
  write: 4,
  commit: 5,
  prove: 6,
  erase: 7,
  restart: 8,
} as const;

const maxUint32 = 0xffff_ffff;
const fingerprintBytes = 32;
const pointBytes = 65;
const maxTextBytes = 128;
/** Beyond every message's own depth and number of items. */
const limits = { maxDepth: 2, maxItems: 20 } as const;

/**
 * @param sequence 0 to 255; another one than the last request's
 * @returns the frame, ready for the line; it may hold a secret, and the caller zeroes it
 * @throws {RangeError} when it takes more than a frame
 */
export function encodeRequest(request: Request, sequence: number): Uint8Array {
  const payload = encode(requestFields(request));
  const frame = encodeFrame(types[request.kind], sequence, payload);
  payload.fill(0);
  return frame;
}

function requestFields(request: Request): CborValue[] {
  switch (request.kind) {
    case "begin":
      return [request.keepWifi];
    case "generate":
      return [request.key, request.subject];
    case "write":
      return [request.entry, request.total, request.offset, request.bytes];
    case "commit":
      return [request.epoch];
    case "prove":
      return [request.key, request.nonce];
    default:
      return [];
  }
}

/** @returns the request, whose bytes are views of the frame's; or the error to answer with */
export function decodeRequest({ type, payload }: Frame): Request | Unreadable {
  const fields = fieldsOf(payload);
  switch (type) {
    case types.hello:
      return fields?.length === 0 ? { kind: "hello" } : "bad-request";
    case types.begin:
      return fields?.length === 1 && typeof fields[0] === "boolean"
        ? { kind: "begin", keepWifi: fields[0] }
        : "bad-request";
    case types.generate:
      return fields?.length === 2 && isOneOf(generatedKeys, fields[0]) && isText(fields[1])
        ? { kind: "generate", key: fields[0], subject: fields[1] }
        : "bad-request";
    case types.write:
      return fields ? decodeWrite(fields) : "bad-request";
    case types.commit:
      return fields?.length === 1 && isUint32(fields[0])
        ? { kind: "commit", epoch: fields[0] }
        : "bad-request";
    case types.prove:
      return fields?.length === 2 &&
        isOneOf(provableKeys, fields[0]) &&
        isBytes(fields[1], minNonceBytes, maxNonceBytes)
        ? { kind: "prove", key: fields[0], nonce: fields[1] }
        : "bad-request";
    case types.erase:
      return fields?.length === 0 ? { kind: "erase" } : "bad-request";
    case types.restart:
      return fields?.length === 0 ? { kind: "restart" } : "bad-request";
    default:
      return "unknown-request";
  }
}

function decodeWrite(fields: readonly CborValue[]): Request | Unreadable {
  const [entry, total, offset, bytes] = fields;
  if (
    fields.length !== 4 ||
    typeof entry !== "string" ||
    !isUint32(total) ||
    !isUint32(offset) ||
    !isBytes(bytes, 0, maxWriteBytes)
  )
    return "bad-request";
  return isOneOf(entryNames, entry) ? { kind: "write", entry, total, offset, bytes } : "unknown-entry";
}

/**
 * @param sequence the request's
 * @returns the frame, ready for the line
 * @throws {RangeError} when it takes more than a frame
 */
export function encodeAnswer(answer: Answer, sequence: number): Uint8Array {
  const type = answer.kind === "error" ? errorType : types[answer.kind] | answerBit;
  return encodeFrame(type, sequence, encode(answerFields(answer)));
}

function answerFields(answer: Answer): CborValue[] {
  switch (answer.kind) {
    case "hello":
      return infoFields(answer.info);
    case "generate":
      return [answer.point, answer.csr];
    case "write":
      return [answer.received];
    case "commit":
      return identityFields(answer.device);
    case "prove":
      return [answer.nonce, answer.proof];
    case "error":
      return [answer.error, answer.detail];
    default:
      return [];
  }
}

function infoFields(info: Info): CborValue[] {
  const { protocol, state, board, firmware, mac, button, p256, wifiSsid, device } = info;
  return [
    protocol,
    state,
    board,
    firmware,
    mac,
    button,
    p256,
    wifiSsid ?? null,
    device ? identityFields(device) : null,
  ];
}

function identityFields({ id, kid, epoch, certificate, signKey }: DeviceIdentity): CborValue[] {
  return [id, kid, epoch, certificate ?? null, signKey ?? null];
}

/** @returns undefined for what no device of this protocol answers; bytes are views of the frame's */
export function decodeAnswer({ type, payload }: Frame): Answer | undefined {
  const fields = fieldsOf(payload);
  if (!fields) return undefined;
  const [first, second] = fields;
  if (type === errorType)
    return fields.length === 2 && isOneOf(errorKinds, first) && isText(second)
      ? { kind: "error", error: first, detail: second }
      : undefined;
  switch (type & answerBit ? type ^ answerBit : 0) {
    case types.hello: {
      const info = decodeInfo(fields);
      return info && { kind: "hello", info };
    }
    case types.begin:
      return fields.length === 0 ? { kind: "begin" } : undefined;
    case types.generate:
      return fields.length === 2 && isBytes(first, pointBytes, pointBytes) && isBytes(second, 1)
        ? { kind: "generate", point: first, csr: second }
        : undefined;
    case types.write:
      return fields.length === 1 && isUint32(first) ? { kind: "write", received: first } : undefined;
    case types.commit: {
      const device = decodeIdentity(fields);
      return device && { kind: "commit", device };
    }
    case types.prove:
      return fields.length === 2 && isBytes(first, deviceNonceBytes, deviceNonceBytes) && isBytes(second, 1)
        ? { kind: "prove", nonce: first, proof: second }
        : undefined;
    case types.erase:
      return fields.length === 0 ? { kind: "erase" } : undefined;
    case types.restart:
      return fields.length === 0 ? { kind: "restart" } : undefined;
    default:
      return undefined;
  }
}

function decodeInfo(fields: readonly CborValue[]): Info | undefined {
  const [protocol, state, board, firmware, mac, button, p256, wifiSsid, identity] = fields;
  if (
    fields.length !== 9 ||
    !isUint32(protocol) ||
    !isOneOf(boardStates, state) ||
    !isText(board) ||
    !isText(firmware) ||
    !isText(mac) ||
    typeof button !== "boolean" ||
    typeof p256 !== "boolean" ||
    (wifiSsid !== null && !isText(wifiSsid))
  )
    return undefined;
  const device = Array.isArray(identity) ? decodeIdentity(identity) : undefined;
  if (identity !== null && !device) return undefined;
  return {
    protocol,
    state,
    board,
    firmware,
    mac,
    button,
    p256,
    ...(wifiSsid !== null && { wifiSsid }),
    ...(device && { device }),
  };
}

function decodeIdentity(fields: readonly CborValue[]): DeviceIdentity | undefined {
  const [id, kid, epoch, certificate, signKey] = fields;
  if (
    fields.length !== 5 ||
    !isText(id) ||
    !isBytes(kid, 1) ||
    !isUint32(epoch) ||
    (certificate !== null && !isBytes(certificate, fingerprintBytes, fingerprintBytes)) ||
    (signKey !== null && !isBytes(signKey, fingerprintBytes, fingerprintBytes))
  )
    return undefined;
  return { id, kid, epoch, ...(certificate && { certificate }), ...(signKey && { signKey }) };
}

function fieldsOf(payload: Uint8Array): readonly CborValue[] | undefined {
  try {
    const value = decode(payload, limits);
    return Array.isArray(value) ? value : undefined;
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}

function isOneOf<T extends string>(names: readonly T[], value: CborValue): value is T {
  return names.includes(value as T);
}

function isUint32(value: CborValue): value is number {
  return typeof value === "number" && isCborInteger(value) && value >= 0 && value <= maxUint32;
}

function isText(value: CborValue): value is string {
  return typeof value === "string" && value.length <= maxTextBytes;
}

function isBytes(value: CborValue, least: number, most = Number.MAX_SAFE_INTEGER): value is Uint8Array {
  return value instanceof Uint8Array && value.length >= least && value.length <= most;
}
