/**
 * Runs inside XS: opens TLSSockets one after the other, as a test asks, and traces one JSON line each.
 * The Node side is test/native/on-device.ts.
 */

import TCP from "embedded:io/socket/tcp";
import { deepSleep } from "dormouse/native/power";
import { TLSSocket } from "dormouse/tls/socket";
import Timer from "timer";
import type { Failure } from "../../lib/failure.js";
import type { Secured } from "../../lib/tls/session.js";
import type { TCPClass } from "../../lib/tls/tcp.js";

export interface Attempt {
  readonly port: number;
  readonly hostName: string;
  /** PEM. */
  readonly ca: string;
  readonly atSeconds: number;
  readonly minVersion?: "1.2" | "1.3";
  readonly maxVersion?: "1.2" | "1.3";
  readonly alpn?: readonly string[];
  readonly maxFragmentBytes?: 512 | 1024 | 2048;
  /** What to write once the handshake is done. */
  readonly send?: string;
  /** Close after so many bytes came; by default after the handshake. */
  readonly expectBytes?: number;
  /** Read in pieces of at most so many bytes. */
  readonly pieceBytes?: number;
  readonly timeoutMs?: number;
}

export interface Outcome {
  /** open: closed by us, all as asked; closed: close_notify came first; failed: see failure; timeout: nothing came. */
  readonly end: "open" | "closed" | "failed" | "timeout" | "threw";
  readonly failure?: Failure | undefined;
  readonly secured?: Secured | undefined;
  readonly received: number;
  /** The first bytes that came, as text. */
  readonly text: string;
  readonly error?: string;
}

function utf8(text: string): Uint8Array {
  return new Uint8Array(ArrayBuffer.fromString(text));
}

function attempt(job: Attempt): Promise<Outcome> {
  return new Promise((resolve) => {
    let received = 0;
    let text = "";
    let pending = job.send ? utf8(job.send) : new Uint8Array(0);
    const finish = (end: Outcome["end"]): void => {
      Timer.clear(timer);
      const { failure, secured } = socket;
      socket.close();
      resolve({ end, failure, secured, received, text });
    };
    const timer = Timer.set(() => finish("timeout"), job.timeoutMs ?? 8000);
    const { port, hostName, ca, atSeconds: timeFloorSeconds } = job;
    const socket = new TLSSocket({
      TCP: TCP as unknown as TCPClass,
      address: "127.0.0.1",
      port,
      tls: {
        hostName,
        ca: utf8(ca),
        timeFloorSeconds,
        ...(job.minVersion && { minVersion: job.minVersion }),
        ...(job.maxVersion && { maxVersion: job.maxVersion }),
        ...(job.alpn && { alpn: job.alpn }),
        ...(job.maxFragmentBytes && { maxFragmentBytes: job.maxFragmentBytes }),
      },
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
          if (text.length < 64) text += String.fromArrayBuffer(bytes.slice(0, 64));
        }
        if (job.expectBytes !== undefined && received >= job.expectBytes) finish("open");
      },
      onError() {
        finish(this.failure ? "failed" : "closed");
      },
    });
  });
}

export async function runAttempts(jobs: readonly Attempt[]): Promise<void> {
  for (const job of jobs) {
    let outcome: Outcome;
    try {
      outcome = await attempt(job);
    } catch (error) {
      outcome = { end: "threw", received: 0, text: "", error: String(error) };
    }
    trace(`${JSON.stringify({ outcome })}\n`);
  }
  deepSleep(1000);
}
