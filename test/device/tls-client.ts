/**
 * Runs inside XS: opens TLSSockets one after the other, as a test asks, and traces one JSON line each.
 * The Node side is test/native/on-device.ts. What is to be resumed lies in RTC memory between the boots.
 */

import TCP from "embedded:io/socket/tcp";
import { Secret } from "dormouse/native/crypto";
import { deepSleep, readRtc, rtcBytes, writeRtc } from "dormouse/native/power";
import { TLSSocket } from "dormouse/tls/socket";
import Time from "time";
import Timer from "timer";
import type { Failure } from "../../lib/failure.js";
import type { TLSOptions } from "../../lib/tls/options.js";
import type { Secured } from "../../lib/tls/session.js";
import type { TCPClass } from "../../lib/tls/tcp.js";
import { type Opened, whatOpens } from "./saved-session.js";

/** Bytes are given as text (PEM), or as "hex:" and hexadecimal digits. */
export interface Attempt extends Plain {
  readonly port: number;
  readonly ca?: string;
  readonly crl?: string;
  readonly identity?: { readonly certificate: string; readonly key: string };
  readonly psk?: { readonly identity: string; readonly key: string; readonly forwardSecrecy?: boolean };
  /** What the device's clock is set to first; without it the clock goes on as it was. */
  readonly atSeconds?: number;
  readonly resumption?: Resuming;
  readonly earlyData?: string;
  readonly handshakeTimeoutMs?: number;
  /** What to write once the handshake is done. */
  readonly send?: string;
  /** Close after so many bytes came; by default after the handshake. */
  readonly expectBytes?: number;
  /** Read in pieces of at most so many bytes. */
  readonly pieceBytes?: number;
  readonly timeoutMs?: number;
}

/** These are handed on as they are. */
type Plain = Pick<
  TLSOptions,
  | "hostName"
  | "pins"
  | "minVersion"
  | "maxVersion"
  | "alpn"
  | "maxFragmentBytes"
  | "timeFloorSeconds"
  | "clock"
  | "withoutClock"
>;

const plainMembers: readonly (keyof Plain)[] = [
  "hostName",
  "pins",
  "minVersion",
  "maxVersion",
  "alpn",
  "maxFragmentBytes",
  "timeFloorSeconds",
  "clock",
  "withoutClock",
];

export interface Resuming {
  readonly secret: string;
  /** Which of the sessions in memory to take up, and where to put the one that comes of it. */
  readonly slot: number;
  /** Take up none, or save none; or do not connect, and only try what would be taken up (CA and name alone). */
  readonly only?: "take" | "save" | "try";
  /** What becomes of the saved bytes on the way: one bit is wrong, or the rest is missing. */
  readonly flipBit?: number;
  readonly cutAt?: number;
  readonly maxAgeSeconds?: number;
  readonly maxBytes?: number;
  /** How long a ticket of TLS 1.3 is waited for. Default 500. */
  readonly ticketWaitMs?: number;
}

export interface Outcome {
  /** open: closed by us, all as asked; closed: close_notify came first; failed: see failure; timeout: nothing came. */
  readonly end: "open" | "closed" | "failed" | "timeout" | "threw";
  readonly failure?: Failure | undefined;
  readonly secured?: Secured | undefined;
  readonly received: number;
  /** The first bytes that came; what is not printable as \xNN. */
  readonly text: string;
  /** Length of the session that was saved for later, 0 if none. */
  readonly savedBytes?: number;
  readonly opened?: Opened;
  readonly error?: string;
}

/** The sessions that survive deep sleep, by slot. */
const sessions = new Map<number, Uint8Array>();

function bytesOf(text: string): Uint8Array {
  if (!text.startsWith("hex:")) return new Uint8Array(ArrayBuffer.fromString(text));
  const bytes = new Uint8Array((text.length - 4) / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i + 4, 2 * i + 6), 16);
  return bytes;
}

function printable(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes)
    text +=
      byte === 10 || (byte >= 32 && byte < 127)
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, "0")}`;
  return text;
}

/** Slot, length (2 bytes), bytes; slots are not 0. */
function sessionsFromRtc(): void {
  const rtc = readRtc();
  for (let at = 0; at + 3 <= rtc.length && rtc[at] !== 0; ) {
    const length = rtc[at + 1]! * 256 + rtc[at + 2]!;
    sessions.set(rtc[at]!, rtc.slice(at + 3, at + 3 + length));
    at += 3 + length;
  }
}

function sessionsToRtc(): void {
  const rtc = new Uint8Array(rtcBytes());
  let at = 0;
  for (const [slot, saved] of sessions) {
    rtc.set([slot, saved.length >> 8, saved.length & 0xff], at);
    rtc.set(saved, at + 3);
    at += 3 + saved.length;
  }
  writeRtc(rtc);
}

function savedSession({ slot, only, flipBit, cutAt }: Resuming): Uint8Array | undefined {
  const saved = only === "save" ? undefined : sessions.get(slot);
  if (saved === undefined) return undefined;
  const copy = saved.slice(0, cutAt ?? saved.length);
  if (flipBit !== undefined) copy[flipBit >> 3]! ^= 1 << (flipBit & 7);
  return copy;
}

function optionsOf(job: Attempt, secret: Secret | undefined): TLSOptions {
  const { ca, crl, identity, psk, resumption, earlyData } = job;
  const saved = resumption && savedSession(resumption);
  const plain: Record<string, unknown> = {};
  for (const name of plainMembers) if (job[name] !== undefined) plain[name] = job[name];
  return {
    ...(plain as unknown as Plain),
    ...(ca && { ca: bytesOf(ca) }),
    ...(crl && { crl: bytesOf(crl) }),
    ...(identity && {
      identity: { certificate: bytesOf(identity.certificate), key: bytesOf(identity.key) },
    }),
    ...(psk && { psk: { ...psk, key: bytesOf(psk.key) } }),
    ...(earlyData && { earlyData: bytesOf(earlyData) }),
    ...(resumption &&
      secret && {
        resumption: {
          secret,
          ...(saved && { saved }),
          ...(resumption.maxAgeSeconds !== undefined && { maxAgeSeconds: resumption.maxAgeSeconds }),
          ...(resumption.maxBytes !== undefined && { maxBytes: resumption.maxBytes }),
        },
      }),
  };
}

/** Waits for the ticket, which comes after the handshake, and keeps the session. Gives its length. */
async function keepSession(socket: TLSSocket, { slot, only, ticketWaitMs = 500 }: Resuming): Promise<number> {
  if (only === "take") return 0;
  for (let waited = 0; !socket.resumable && waited < ticketWaitMs; waited += 5)
    await new Promise<void>((resolve) => Timer.set(() => resolve(), 5));
  const saved = socket.saveSession();
  if (saved === undefined) return 0;
  sessions.set(slot, new Uint8Array(saved));
  return saved.byteLength;
}

function attempt(job: Attempt, secret: Secret | undefined): Promise<Outcome> {
  return new Promise((resolve) => {
    let received = 0;
    let text = "";
    let pending = job.send ? bytesOf(job.send) : new Uint8Array(0);
    let finished = false;
    const finish = async (end: Outcome["end"]): Promise<void> => {
      if (finished) return;
      finished = true;
      Timer.clear(timer);
      const { failure, secured } = socket;
      const savedBytes = end === "open" && job.resumption ? await keepSession(socket, job.resumption) : 0;
      socket.close();
      resolve({ end, failure, secured, received, text, savedBytes });
    };
    const timer = Timer.set(() => finish("timeout"), job.timeoutMs ?? 8000);
    const socket = new TLSSocket({
      TCP: TCP as unknown as TCPClass,
      address: "127.0.0.1",
      port: job.port,
      ...(job.handshakeTimeoutMs !== undefined && { handshakeTimeoutMs: job.handshakeTimeoutMs }),
      tls: optionsOf(job, secret),
      onWritable(byteLength) {
        while (pending.length > 0 && byteLength > 0) {
          const part = pending.subarray(0, byteLength);
          pending = pending.subarray(part.length);
          byteLength = this.write(part) ?? 0;
        }
        if (job.expectBytes === undefined && pending.length === 0) finish("open");
      },
      onReadable(byteLength) {
        let left = byteLength;
        while (left > 0) {
          const bytes = this.read(Math.min(left, job.pieceBytes ?? left)) as ArrayBuffer;
          left -= bytes.byteLength;
          received += bytes.byteLength;
          if (text.length < 64) text += printable(new Uint8Array(bytes, 0, Math.min(64, bytes.byteLength)));
        }
        if (job.expectBytes !== undefined && received >= job.expectBytes) finish("open");
      },
      onError() {
        finish(this.failure ? "failed" : "closed");
      },
    });
  });
}

function tryOpening(
  { hostName, ca = "", minVersion, maxVersion, resumption }: Attempt,
  secret: Secret,
): Outcome {
  const opened = whatOpens(sessions.get(resumption!.slot)!, secret, {
    hostName,
    ca: bytesOf(ca),
    minVersion: minVersion === "1.3" ? 0x0304 : 0x0303,
    maxVersion: maxVersion === "1.2" ? 0x0303 : 0x0304,
  });
  return { end: "open", received: 0, text: "", opened };
}

export async function runAttempts(jobs: readonly Attempt[]): Promise<void> {
  sessionsFromRtc();
  for (const job of jobs) {
    let outcome: Outcome;
    const secret = job.resumption && new Secret(bytesOf(job.resumption.secret));
    if (job.atSeconds !== undefined) Time.set(job.atSeconds);
    try {
      outcome =
        secret && job.resumption?.only === "try" ? tryOpening(job, secret) : await attempt(job, secret);
    } catch (error) {
      outcome = { end: "threw", received: 0, text: "", error: String(error) };
    }
    secret?.close();
    trace(`${JSON.stringify({ outcome })}\n`);
  }
  sessionsToRtc();
  deepSleep(1000);
}
