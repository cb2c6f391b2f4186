/**
 * The device's TLS when the connection is not honest: cut anywhere, a bit flipped anywhere, in single bytes,
 * in records larger than its buffer. Nothing is accepted that was not sent, everything is freed, nothing hangs.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { engineFile } from "../../host-sim/engine-file.js";
import type { Attempt } from "../device/tls-client.js";
import { runOnDevice } from "./on-device.js";
import { type Certificate, TestCA } from "./pki.js";
import { cutAt, flipAt, type Relay, relay, type Tamper, untouched } from "./relay.js";
import { gnutlsServer, opensslServer, type Server } from "./servers.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-tls-"));
const now = Math.floor(Date.now() / 1000);
const { DORMOUSE_LONG, DORMOUSE_SEED } = process.env;
const long = DORMOUSE_LONG === "1";
const reply = "esuomrod nworb kciuq eht\n";
let executable: string;
let ca: TestCA;
let certificate: Certificate;

before(async () => {
  executable = await engineFile("sanitize");
  ca = new TestCA(scratch);
  certificate = ca.issue("server");
});
after(() => rmSync(scratch, { recursive: true, force: true }));

function to({ port }: Server, more: Partial<Attempt> = {}): Attempt {
  const send = "the quick brown dormouse\n";
  return {
    port,
    hostName: "localhost",
    ca: ca.pem,
    atSeconds: now,
    send,
    expectBytes: send.length,
    timeoutMs: 1500,
    ...more,
  };
}

async function tampered<T>(
  version: "1.2" | "1.3",
  tampers: readonly Tamper[],
  use: (way: Relay) => Promise<T>,
  pieceBytes = 0,
): Promise<T> {
  // one ticket-free flight: what comes is the handshake and then data
  const server = await opensslServer(certificate, version, ["-rev", "-num_tickets", "0"]);
  const way = await relay(server.port, { tampers, pieceBytes });
  try {
    return await use(way);
  } finally {
    await way.stop();
    await server.stop();
  }
}

/** How many bytes the server sends in an honest connection. */
function lengthOf(version: "1.2" | "1.3"): Promise<number> {
  return tampered(version, [untouched], async (way) => {
    const { outcomes } = await runOnDevice(executable, scratch, [to(way)]);
    assert.equal(outcomes[0]?.text, reply);
    // less a close_notify that may have come, and what an ECDSA signature's length varies by
    return way.bytesDown() - 40;
  });
}

/** Every place in the long run; in the short one some, other ones each time. */
function places(length: number): number[] {
  const step = long ? 1 : 67;
  const first = long ? 0 : Number(DORMOUSE_SEED ?? 0) % step;
  return Array.from({ length: Math.ceil((length - first) / step) }, (_, i) => first + i * step);
}

for (const version of ["1.3", "1.2"] as const) {
  test(`TLS ${version}: byte by byte it is the same`, { timeout: 600_000 }, async () => {
    await tampered(
      version,
      [untouched],
      async (way) => {
        const { outcomes, end } = await runOnDevice(executable, scratch, [
          to(way),
          to(way, { pieceBytes: 1 }),
        ]);
        for (const outcome of outcomes) assert.equal(outcome.text.slice(0, 1), reply.slice(0, 1));
        for (const outcome of outcomes) assert.equal(outcome.received, reply.length);
        assert.equal(end.tlsBytesLeaked, 0);
      },
      1,
    );
  });

  test(`TLS ${version}: an end at any place is told, never taken for a polite one`, {
    timeout: 600_000,
  }, async () => {
    const cuts = places(await lengthOf(version));
    await tampered(version, cuts.map(cutAt), async (way) => {
      const { outcomes, end } = await runOnDevice(
        executable,
        scratch,
        cuts.map(() => to(way)),
      );
      outcomes.forEach((outcome, i) => {
        const kind = outcome.secured ? "tls-truncated" : "connection-lost";
        assert.equal(outcome.failure?.kind, kind, `cut at ${cuts[i]}: ${JSON.stringify(outcome)}`);
        assert.notEqual(outcome.text, reply);
      });
      assert.equal(end.tlsBytesLeaked, 0);
    });
  });

  test(`TLS ${version}: one wrong bit at any place is fatal`, { timeout: 600_000 }, async () => {
    const flips = places(await lengthOf(version));
    await tampered(version, flips.map(flipAt), async (way) => {
      const jobs = flips.map(() => to(way, { atSeconds: now }));
      const { outcomes, end } = await runOnDevice(executable, scratch, jobs);
      outcomes.forEach((outcome, i) => {
        const what = `bit at ${flips[i]}: ${JSON.stringify(outcome)}`;
        // a record's version says nothing (RFC 8446 §5.1) and stands outside the transcript; a length that has
        // grown makes both sides wait
        if (outcome.end === "open") assert.equal(outcome.text, reply, what);
        else assert.ok(outcome.end === "failed" || outcome.end === "timeout", what);
        if (outcome.end !== "open") assert.equal(outcome.received, 0, what);
      });
      const open = outcomes.filter((outcome) => outcome.end === "open").length;
      assert.ok(open <= 1 + flips.length / 50, `${open} of ${flips.length} were not noticed`);
      assert.equal(end.tlsBytesLeaked, 0);
    });
  });
}

async function largeFrom(serve: Promise<Server>, more: Partial<Attempt>) {
  const server = await serve;
  try {
    const job = to(server, { send: "GET /large.txt HTTP/1.0\r\n\r\n", expectBytes: 20_000, ...more });
    const { outcomes, end } = await runOnDevice(executable, scratch, [job]);
    assert.equal(end.tlsBytesLeaked, 0);
    return outcomes[0]!;
  } finally {
    await server.stop();
  }
}

test("records larger than the buffer: kept small where the server can be asked, else a clear failure", async () => {
  writeFileSync(join(scratch, "large.txt"), "x".repeat(20_000));
  const openssl = (version: "1.2" | "1.3", ...more: string[]) =>
    opensslServer(certificate, version, ["-WWW", ...more], scratch);

  const asked = await largeFrom(openssl("1.2"), { maxVersion: "1.2" });
  assert.equal(asked.received >= 20_000, true, JSON.stringify(asked));
  const small = await largeFrom(openssl("1.3", "-max_send_frag", "4096"), {});
  assert.equal(small.received >= 20_000, true, JSON.stringify(small));
  for (const bytes of ["4097", "4200", "16384"]) {
    const large = await largeFrom(openssl("1.3", "-max_send_frag", bytes), {});
    assert.equal(large.failure?.kind, "tls-record-overflow", `${bytes}: ${JSON.stringify(large)}`);
    assert.match(large.failure?.detail ?? "", /record/);
  }
});

test("record_size_limit keeps a GnuTLS server's records small in TLS 1.3", async () => {
  const send = `${"y".repeat(9_000)}\n`;
  const echoed = await largeFrom(gnutlsServer(certificate, "1.3"), { send, expectBytes: send.length });
  assert.equal(echoed.end, "open", JSON.stringify(echoed));
  assert.equal(echoed.received, send.length);
});

test("close_notify is a polite end and no failure", async () => {
  const server = await opensslServer(certificate, "1.3", ["-www", "-max_send_frag", "2048"]);
  try {
    const job = to(server, { send: "GET / HTTP/1.0\r\n\r\n", expectBytes: 1_000_000 });
    const { outcomes, end } = await runOnDevice(executable, scratch, [job]);
    assert.equal(outcomes[0]?.end, "closed", JSON.stringify(outcomes[0]));
    assert.ok((outcomes[0]?.received ?? 0) > 1000);
    assert.equal(end.tlsBytesLeaked, 0);
  } finally {
    await server.stop();
  }
});

test("a server that is not TLS, or not there, is named so", async () => {
  const plain = await relay(1); // its upstream refuses
  const { outcomes } = await runOnDevice(executable, scratch, [to(plain)]);
  await plain.stop();
  assert.match(outcomes[0]?.failure?.kind ?? "", /^(connection-lost|connect-failed)$/);
  const http = Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n");
  await tampered("1.3", [() => http], async (way) => {
    const answer = await runOnDevice(executable, scratch, [to(way)]);
    assert.equal(answer.outcomes[0]?.failure?.kind, "tls-protocol", JSON.stringify(answer.outcomes[0]));
  });
  const gone = await runOnDevice(executable, scratch, [to(plain)]);
  assert.equal(gone.outcomes[0]?.failure?.kind, "connect-failed", JSON.stringify(gone.outcomes[0]));
});
