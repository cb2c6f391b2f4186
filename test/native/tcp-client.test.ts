/**
 * TLSSocket is an ECMA-419 TCP socket: a client written for TCP gets the same answers over it, from the same
 * server's other port.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createPlainServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { engineFile } from "../../host-sim/engine-file.js";
import { bodyByte, startSum, sum } from "../device/http-body.js";
import type { Answer, Job, Plan } from "../device/http-jobs.js";
import { type Certificate, TestCA } from "./pki.js";
import { runModule } from "./run-module.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-http-"));
const atSeconds = Math.floor(Date.now() / 1000);
let engine: string;
let ca: TestCA;
let certificate: Certificate;

before(async () => {
  engine = await engineFile("sanitize");
  ca = new TestCA(scratch);
  certificate = ca.issue("server");
});
after(() => rmSync(scratch, { recursive: true, force: true }));

function body(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => bodyByte(i)));
}

/** `/N` gives N bytes, `/chunked/N` in chunks of many sizes, `/end/N` with the end of the connection; PUT is read slowly. */
const serve: RequestListener = async (request, response) => {
  const [, kind = "", count = kind] = (request.url ?? "").split("/");
  if (request.method === "PUT") {
    let value = startSum;
    let length = 0;
    for await (const part of request as AsyncIterable<Buffer>) {
      value = sum(value, part);
      length += part.length;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    response.end(`${length} ${value}`);
    return;
  }
  const bytes = body(Number(count));
  if (kind === "end") {
    response.useChunkedEncodingByDefault = false;
    response.removeHeader("connection");
    response.shouldKeepAlive = false;
    response.end(bytes);
  } else if (kind === "chunked") {
    for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 5) % 3001) {
      response.write(bytes.subarray(at, at + size));
      if (size % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    response.end();
  } else {
    response.setHeader("content-length", bytes.length).end(bytes);
  }
};

async function listening<T>(server: Server, use: (port: number) => Promise<T>): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use((server.address() as { port: number }).port);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function run(plan: Plan): Promise<{ answers: readonly Answer[]; ended: boolean; stack: number }> {
  const { lines, end } = await runModule({
    engine,
    scratch,
    modules: ["test/device/http-jobs.ts", "test/device/http-client.ts", "test/device/http-body.ts"],
    main: `import { runJobs } from "test/device/http-jobs";\nrunJobs(${JSON.stringify(plan)});\n`,
  });
  assert.equal(end.tlsBytesLeaked, 0);
  const said = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  return {
    answers: said.flatMap(({ answer }) => (answer ? [answer as Answer] : [])),
    ended: said.at(-1)?.ended === true,
    stack: end.heap.stackBytesPeak,
  };
}

function overTLS(version: "1.2" | "1.3"): Server {
  const server = createSecureServer(
    {
      cert: readFileSync(certificate.certificate),
      key: readFileSync(certificate.key),
      minVersion: `TLSv${version}`,
      maxVersion: `TLSv${version}`,
    },
    serve,
  );
  // a device's buffer holds no larger record, and not every server can be asked: see docs/deviations.md
  server.on("secureConnection", (socket) => socket.setMaxSendFragment(4096));
  return server;
}

const jobs: readonly Job[] = [
  { method: "GET", path: "/0" },
  { method: "GET", path: "/1" },
  { method: "GET", path: "/100000" },
  { method: "GET", path: "/20000", blockBytes: 3000 },
  { method: "PUT", path: "/", bodyBytes: 100_000 },
  { method: "GET", path: "/chunked/30000" },
  { method: "PUT", path: "/", bodyBytes: 1 },
  // more records than TCP has room for
  { method: "PUT", path: "/", bodyBytes: 5_000, pieceBytes: 1 },
  { method: "GET", path: "/chunked/9000", blockBytes: 500 },
  { method: "GET", path: "/end/40000" },
];

test("a client for TCP does over TLSSocket what it does over TCP", async () => {
  const plain = await listening(createPlainServer(serve), (port) => run({ atSeconds, port, jobs }));
  assert.equal(plain.ended, true, "the server ended the connection");
  assert.equal(plain.answers.length, jobs.length);
  for (const [i, { path, method, bodyBytes }] of jobs.entries()) {
    const answer = plain.answers[i]!;
    const expected =
      method === "GET" ? body(Number(path.split("/").at(-1))) : Buffer.from(uploaded(bodyBytes ?? 0));
    assert.deepEqual(
      [answer.status, answer.bytes, answer.sum],
      [200, expected.length, sum(startSum, expected)],
      path,
    );
  }
  for (const version of ["1.2", "1.3"] as const) {
    const secure = await listening(overTLS(version), (port) => run({ atSeconds, port, jobs, ca: ca.pem }));
    assert.deepEqual(secure.answers, plain.answers, `TLS ${version}`);
    assert.equal(secure.ended, true);
  }
});

function uploaded(byteLength: number): string {
  return `${byteLength} ${sum(startSum, body(byteLength))}`;
}
