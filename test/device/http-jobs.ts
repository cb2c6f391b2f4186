/**
 * Runs inside XS: the same requests through the same HTTP client, over the platform's TCP or over TLSSocket, and
 * one JSON line for each. The Node side is test/native/tcp-client.test.ts.
 */

import TCP from "embedded:io/socket/tcp";
import { deepSleep } from "dormouse/native/power";
import { TLSSocket } from "dormouse/tls/socket";
import Time from "time";
import { bodyByte, startSum, sum } from "./http-body.js";
import { HTTPClient, type HTTPClientOptions } from "./http-client.js";

export interface Job {
  readonly method: "GET" | "PUT";
  readonly path: string;
  readonly bodyBytes?: number;
  readonly pieceBytes?: number;
  readonly blockBytes?: number;
}

export interface Plan {
  /** What the clock is set to. */
  readonly atSeconds: number;
  readonly port: number;
  /** PEM. Absent: plain TCP. */
  readonly ca?: string;
  readonly jobs: readonly Job[];
}

export interface Answer {
  readonly status: number;
  readonly contentLength: string | undefined;
  readonly encoding: string | undefined;
  readonly bytes: number;
  readonly sum: number;
}

function socketOptions({ ca }: Plan): HTTPClientOptions["socket"] {
  if (ca === undefined) return { io: TCP as never, noDelay: true };
  const tls = { hostName: "localhost", ca: ArrayBuffer.fromString(ca) };
  return { io: TLSSocket as never, TCP, tls, noDelay: true };
}

export function runJobs(plan: Plan): void {
  Time.set(plan.atSeconds);
  const client = new HTTPClient({
    host: "localhost",
    address: "127.0.0.1",
    port: plan.port,
    socket: socketOptions(plan),
    onError() {
      trace(`${JSON.stringify({ ended: true })}\n`);
      deepSleep(1000);
    },
  });
  for (const job of plan.jobs) {
    let answer: Omit<Answer, "bytes" | "sum"> | undefined;
    let bytes = 0;
    let received = startSum;
    let sent = 0;
    client.request({
      ...job,
      onHeaders(status, headers) {
        const encoding = headers.get("transfer-encoding");
        answer = { status, contentLength: headers.get("content-length"), encoding };
      },
      onWritable: (byteLength) => Uint8Array.from({ length: byteLength }, () => bodyByte(sent++)),
      onReadable(part) {
        bytes += part.length;
        received = sum(received, part);
      },
      onDone() {
        trace(`${JSON.stringify({ answer: { ...answer, bytes, sum: received } })}\n`);
      },
    });
  }
}
