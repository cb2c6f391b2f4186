/** A board on a bench: the device's machine over flash in memory, and what a host gives it. */
import type { Crypto } from "../../../lib/crypto/crypto.js";
import { derTag } from "../../../lib/crypto/der-reader.js";
import { der, derBitString, derObjectId } from "../../../lib/crypto/der-writer.js";
import { Demultiplexer } from "../../../lib/provisioning/demultiplexer.js";
import { ProvisioningDevice } from "../../../lib/provisioning/device.js";
import type { BoardInfo, DeviceEffect, DeviceOptions } from "../../../lib/provisioning/device-shell.js";
import { eraseAll } from "../../../lib/provisioning/erase.js";
import {
  type Answer,
  decodeAnswer,
  type EntryName,
  type ErrorKind,
  encodeRequest,
  type GeneratedKey,
  maxWriteBytes,
  type Request,
} from "../../../lib/provisioning/messages.js";
import { storedProfile } from "../../../lib/store/flash-entries.js";
import type { Profile, TlsSettings } from "../../../lib/store/profile.js";
import { ok } from "../../device/harness.js";
import { MemoryStore } from "./memory-store.js";

export const board: BoardInfo = {
  board: "esp32c3",
  firmware: "0.1.0",
  mac: "a0b1c2d3e4f5",
  button: true,
  p256: true,
};

const tls: TlsSettings = {
  minVersion: "1.2",
  pins: [],
  identity: "none",
  forwardSecrecy: true,
  withoutClock: "accept",
  resumption: false,
  earlyData: false,
};

const plain: Profile = {
  schema: 1,
  device: { id: "dm-7" },
  wifi: { ssid: "burrow" },
  time: { server: "t.test" },
  broker: { host: "b.test", port: 8883, tls, auth: "none" },
  mqtt: { version: "5", keepAliveSeconds: 60, sessionExpirySeconds: 0, pipelining: true },
  topics: {
    base: "s/dm-7",
    readings: "s/dm-7/r",
    format: "cbor",
    state: [],
    up: { protection: "stamp", algorithm: "hmac-256" },
  },
  cycle: {
    mode: "sleep",
    intervalSeconds: 900,
    wakeBudgetSeconds: 30,
    sendEvery: 1,
    backoffMaxSeconds: 3600,
  },
  sensor: { kind: "simulated" },
};

export const secret = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
export const psk = Uint8Array.from({ length: 20 }, (_, i) => 0x40 + i);

/** Knows its broker by a PSK: no P-256. */
export const byPsk: Profile = {
  ...plain,
  broker: { ...plain.broker, tls: { ...tls, identity: "psk", pskIdentity: "dm-7" } },
};

/** Has a certificate and signs, with keys of its own. */
export const certified: Profile = {
  ...plain,
  broker: { ...plain.broker, tls: { ...tls, identity: "certificate", ca: true } },
  topics: { ...plain.topics, up: { protection: "sign" } },
};

const { sequence, integer, set } = derTag;
const nothing = new Uint8Array(0);

/** The form of a certificate with this public key; signed by nobody. */
export function certificateOf(point: Uint8Array, more = nothing): Uint8Array {
  const ecdsa = der(sequence, derObjectId("2a8648ce3d040302"));
  const number = (value: number) => der(integer, Uint8Array.of(value));
  const name = der(sequence, der(set));
  const curve = der(sequence, derObjectId("2a8648ce3d0201"), derObjectId("2a8648ce3d030107"));
  const key = der(sequence, curve, derBitString(point));
  const version = der(derTag.context0, number(2));
  const body = der(sequence, version, number(7), ecdsa, name, der(sequence), name, key, more);
  return der(sequence, body, ecdsa, derBitString(new Uint8Array(70)));
}

export const ca = certificateOf(new Uint8Array(65).fill(4));

export interface Plan {
  readonly profile: Profile;
  readonly entries: readonly (readonly [EntryName, Uint8Array])[];
  /** Made on the device; the certificate of `tls-key` is written then. */
  readonly generate: readonly GeneratedKey[];
  readonly keepWifi?: boolean;
  readonly epoch: number;
}

export const pskPlan: Plan = {
  profile: byPsk,
  entries: [
    ["secret", secret],
    ["wifi-password", textBytes("correct horse")],
    ["tls-psk", psk],
  ],
  generate: [],
  epoch: 3,
};

export const certifiedPlan: Plan = {
  profile: certified,
  entries: [
    ["secret", secret],
    ["ca", ca],
  ],
  generate: ["tls-key", "sign-key"],
  epoch: 3,
};

export function textBytes(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}

export function profileBytes(profile: Profile): Uint8Array {
  return textBytes(storedProfile(copyOf(profile), { ca: false, crl: false }));
}

/** XS does not make JSON of what is preloaded, and so frozen. Without recursion, for a board's stack. */
function copyOf<T extends object>(value: T): T {
  const copy = { ...value } as Record<string, unknown>;
  const open = [copy];
  for (let at = open.pop(); at !== undefined; at = open.pop())
    for (const name of Object.keys(at)) {
      const part = at[name];
      if (typeof part !== "object" || part === null) continue;
      const inner = (Array.isArray(part) ? [...part] : { ...part }) as Record<string, unknown>;
      at[name] = inner;
      open.push(inner);
    }
  return copy as T;
}

export function writes(entry: EntryName, bytes: Uint8Array, partBytes = maxWriteBytes): Request[] {
  const parts: Request[] = [];
  for (let offset = 0; offset < bytes.length; offset += partBytes)
    parts.push({
      kind: "write",
      entry,
      total: bytes.length,
      offset,
      // preloaded bytes have no views
      bytes: bytes.slice(offset, offset + partBytes),
    });
  return parts;
}

export type Ask = (request: Request) => Answer;

/** What an answer must be. */
export function granted<K extends Answer["kind"]>(answer: Answer, kind: K): Extract<Answer, { kind: K }> {
  if (answer.kind !== kind) throw new Error(`expected ${kind}, got ${JSON.stringify(answer)}`);
  return answer as Extract<Answer, { kind: K }>;
}

/** The error that an answer must be. */
export function refused(answer: Answer): ErrorKind {
  return granted(answer, "error").error;
}

/** Up to the commit, which is the caller's. */
export function stage(ask: Ask, { profile, entries, generate, keepWifi = false }: Plan): void {
  granted(ask({ kind: "begin", keepWifi }), "begin");
  const write = (entry: EntryName, bytes: Uint8Array) => {
    for (const part of writes(entry, bytes)) granted(ask(part), "write");
  };
  write("profile", profileBytes(profile));
  for (const key of generate) {
    const { point } = granted(ask({ kind: "generate", key, subject: profile.device.id }), "generate");
    if (key === "tls-key") write("tls-cert", certificateOf(point));
  }
  for (const [entry, bytes] of entries) write(entry, bytes);
}

export function provision(ask: Ask, plan: Plan) {
  stage(ask, plan);
  return granted(ask({ kind: "commit", epoch: plan.epoch }), "commit").device;
}

/** A line without faults: each request has its answer at once. */
export class Bench {
  /** Of the latest network that a page has given. */
  attempt = 0;
  readonly store: MemoryStore;
  readonly options: DeviceOptions;
  readonly effects: DeviceEffect[] = [];
  machine: ProvisioningDevice;
  nowMs = 1000;
  sequence = 0;

  constructor(crypto: Crypto, options: Partial<DeviceOptions> = {}, store = new MemoryStore()) {
    this.store = store;
    this.options = { mode: "open", crypto, store, board, ...options };
    this.machine = new ProvisioningDevice(this.options);
  }

  /** The power fails and comes back. */
  reboot(options: Partial<DeviceOptions> = {}): void {
    this.machine = new ProvisioningDevice({ ...this.options, ...options });
  }

  /** A person holds the button, and the board boots again. */
  unlock(): void {
    ok(eraseAll(this.options.crypto, this.store, false), "everything is erased");
    this.reboot();
  }

  readonly ask: Ask = (request) => {
    const frame = encodeRequest(request, this.sequence++ & 255);
    // Not deeper than on a board: its stack is small.
    const effects = this.machine.handle({ type: "bytes", bytes: frame }, this.nowMs);
    this.effects.push(...effects.filter(({ type }) => type !== "send"));
    const { answer } = this.read(effects);
    ok(answer, `an answer to ${request.kind}`);
    return answer;
  };

  /** What the machine does with these bytes; the last frame among it as the answer. */
  exchange(bytes: Uint8Array): { answer: Answer | undefined; sent: Uint8Array; notBeforeMs: number } {
    const effects = this.machine.handle({ type: "bytes", bytes }, this.nowMs);
    this.effects.push(...effects.filter(({ type }) => type !== "send"));
    return this.read(effects);
  }

  read(effects: readonly DeviceEffect[]) {
    let answer: Answer | undefined;
    let notBeforeMs = Number.NaN;
    const parts: Uint8Array[] = [];
    for (const effect of effects) {
      if (effect.type !== "send") continue;
      parts.push(effect.bytes);
      notBeforeMs = effect.notBeforeMs;
    }
    const sent = joined(parts);
    for (const event of new Demultiplexer().receive(sent, 0))
      if (event.kind === "frame") answer = decodeAnswer(event.frame);
    return { answer, sent, notBeforeMs };
  }
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
