/**
 * Runs inside XS: makes the TLS connections that a test asks for, one after the other, with credentials from
 * flash as the firmware does it. At the pauses a test looks at the device's memory from outside, and the
 * connection goes on when it has. The Node side is test/native/connecting-device.ts.
 */

import TCP from "embedded:io/socket/tcp";
import KeyValue from "embedded:storage/key-value";
import { random, Secret } from "dormouse/native/crypto";
import { deepSleep, readRtc, rtcBytes, writeRtc } from "dormouse/native/power";
import { TLSSocket } from "dormouse/tls/socket";
import Timer from "timer";
import type { TLSOptions } from "../../lib/tls/options.js";
import type { TCPClass } from "../../lib/tls/tcp.js";

/** What is in flash is given by its key there. */
export interface Connection {
  readonly port: number;
  readonly version: "1.2" | "1.3";
  /** Default localhost. */
  readonly hostName?: string;
  readonly ca?: string;
  readonly crl?: string;
  readonly pins?: readonly string[];
  readonly identity?: { readonly certificate: string; readonly key: string };
  readonly psk?: { readonly identity: string; readonly key: string };
  /** The secret that seals sessions: the one in RTC memory is taken up, and what comes of this connection kept. */
  readonly seal?: string;
  /** handshaking: from here on the handshake can go on; open: after the line; closed: all is given back. */
  readonly pauses?: readonly Pause[];
  /** Default 8000. */
  readonly timeoutMs?: number;
  /** With a device that measures: the collector moves the keys on their way from flash to the socket. */
  readonly collect?: true;
}

export type Pause = "handshaking" | "open" | "closed";

export interface Outcome {
  /** open: secured, and a line went there and back; ended: failed or closed by the server. */
  readonly end: "open" | "ended" | "timeout" | "threw";
  /** The failure's kind. */
  readonly kind?: string;
  /** The failure's detail, or what was thrown. */
  readonly detail?: string;
  readonly version?: string;
  readonly cipherSuite?: string;
  readonly resumed?: boolean;
  /** The session as it went into RTC memory, hexadecimal. */
  readonly saved?: string;
}

/** As dormouse/world has it. */
type Ask = (kind: string, detail: string, callback: (text: string) => void) => void;

const line = "a dormouse sleeps through the winter\n";

function flash(key: string): Uint8Array {
  const store = KeyValue.open({ path: "tls", format: "buffer" });
  const value = store.read(key);
  store.close();
  if (value === undefined) throw new Error(`no ${key} in flash`);
  return new Uint8Array(value as ArrayBuffer);
}

/** RTC memory: a length of two bytes, then the session. */
function kept(): Uint8Array {
  const rtc = readRtc();
  return rtc.slice(2, 2 + rtc[0]! * 256 + rtc[1]!);
}

function keep(session: Uint8Array): void {
  const rtc = new Uint8Array(Math.min(2 + session.length, rtcBytes()));
  rtc[0] = session.length >> 8;
  rtc[1] = session.length & 255;
  rtc.set(session, 2);
  writeRtc(rtc);
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (byte < 16 ? "0" : "") + byte.toString(16);
  return text;
}

/** @param owned gets what holds a key and is to be zeroed once the socket has it */
function optionsOf(job: Connection, secret: Secret | undefined, owned: Uint8Array[]): TLSOptions {
  const secretly = (key: string): Uint8Array => {
    const bytes = flash(key);
    owned.push(bytes);
    return bytes;
  };
  const { hostName = "localhost", version, ca, crl, pins, identity, psk } = job;
  return {
    hostName,
    minVersion: version,
    maxVersion: version,
    clock: "unknown", // nobody sets it
    ...(ca && { ca: flash(ca) }),
    ...(crl && { crl: flash(crl) }),
    ...(pins && { pins }),
    ...(identity && {
      identity: { certificate: flash(identity.certificate), key: secretly(identity.key) },
    }),
    ...(psk && { psk: { identity: psk.identity, key: secretly(psk.key) } }),
    ...(secret && { resumption: { secret, saved: kept() } }),
  };
}

function connect(job: Connection, tls: TLSOptions, pause: (at: Pause) => Promise<void>): Promise<Outcome> {
  return new Promise((resolve) => {
    let left = line.length;
    const outcome = (end: Outcome["end"]): Outcome => {
      const { failure, secured } = socket;
      return {
        end,
        ...(failure && { kind: failure.kind, detail: failure.detail }),
        ...(secured && {
          version: secured.version,
          cipherSuite: secured.cipherSuite,
          resumed: secured.resumed,
        }),
      };
    };
    const finish = (result: Outcome): void => {
      Timer.clear(timer);
      socket.close();
      resolve(result);
    };
    const opened = async (): Promise<void> => {
      // a pause that may be long, in a test that scans memory
      Timer.clear(timer);
      await pause("open");
      const saved = new Uint8Array(socket.saveSession() ?? new ArrayBuffer(0));
      if (saved.length > 0) keep(saved);
      finish({ ...outcome("open"), saved: hex(saved) });
    };
    let written = false;
    const socket = new TLSSocket({
      TCP: TCP as unknown as TCPClass,
      address: "127.0.0.1",
      port: job.port,
      nodelay: true,
      tls,
      onWritable() {
        if (!written) this.write(ArrayBuffer.fromString(line));
        written = true;
      },
      onReadable() {
        left -= (this.read() as ArrayBuffer).byteLength;
        if (left === 0) opened();
      },
      onError: () => finish(outcome("ended")),
    });
    // once it is certain that there is a socket
    const timer = Timer.set(() => finish(outcome("timeout")), job.timeoutMs ?? 8000);
    pause("handshaking");
  });
}

async function run(job: Connection, pause: (at: Pause) => Promise<void>): Promise<Outcome> {
  let secret: Secret | undefined;
  const owned: Uint8Array[] = [];
  // lies below the keys, and is gone when they are collected
  const litter = job.collect ? [new Uint8Array(6000)] : [];
  try {
    if (job.seal) {
      const bytes = flash(job.seal);
      secret = new Secret(bytes);
      bytes.fill(0);
    }
    const tls = optionsOf(job, secret, owned);
    if (litter.pop()) await new Promise((resolve) => Timer.set(resolve, 1));
    const outcome = connect(job, tls, pause);
    for (const bytes of owned) bytes.fill(0);
    return await outcome;
  } catch (error) {
    return { end: "threw", detail: String(error) };
  } finally {
    secret?.close();
  }
}

/** Each question for the next connection tells how the last one went; no answer means deep sleep. */
export async function runConnections(ask: Ask): Promise<void> {
  const asked = (kind: string, detail: string) =>
    new Promise<string>((resolve) => ask(kind, detail, resolve));
  let last = "";
  random(1); // the generator's own memory is there from now on
  for (;;) {
    const text = await asked("connection", last);
    if (text === "") deepSleep(1000);
    const job = JSON.parse(text) as Connection;
    const pause = async (at: Pause): Promise<void> => {
      if (job.pauses?.includes(at)) await asked("pause", at);
    };
    last = JSON.stringify(await run(job, pause));
    if (job.pauses?.includes("closed")) await asked("closed", last);
  }
}
