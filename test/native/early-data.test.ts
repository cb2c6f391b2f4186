/**
 * 0-RTT data against OpenSSL and GnuTLS: whether it is taken, refused, refused with the session, too long, or
 * never possible, it arrives exactly once, and first. The count is the server's.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { engineFile } from "../../host-sim/engine-file.js";
import type { Attempt, Outcome, Resuming } from "../device/tls-client.js";
import { type Boot, runBoots } from "./on-device.js";
import { until } from "./peers.js";
import { type Certificate, clientAuth, TestCA } from "./pki.js";
import { relay } from "./relay.js";
import { type TalkingServer, talkingGnutls, talkingOpenssl, welcome } from "./servers.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-tls-"));
const now = Math.floor(Date.now() / 1000);
const kept: Resuming = { secret: `hex:${"5a".repeat(32)}`, slot: 1 };
const taken: Resuming = { ...kept, only: "take" };
let executable: string;
let ca: TestCA;
let certificate: Certificate;

before(async () => {
  executable = await engineFile("sanitize");
  ca = new TestCA(scratch);
  certificate = ca.issue("server");
});
after(() => rmSync(scratch, { recursive: true, force: true }));

/** The first connection makes the session; each of the others says "early N" and then "later N". */
async function talk(
  boots: readonly (readonly [server: TalkingServer, more?: Partial<Attempt>, laterSeconds?: number])[],
  expectBytes: (sent: number) => number = () => welcome.length,
): Promise<readonly Outcome[]> {
  const runs = await runBoots(
    executable,
    scratch,
    boots.map(([{ port }, more, laterSeconds = 0], i): Boot => {
      const early = `early ${i}\n`;
      const later = `later ${i}\n`;
      const common = { port, hostName: "localhost", ca: ca.pem, minVersion: "1.3" } as const;
      const first = { ...common, atSeconds: now, resumption: kept, expectBytes: 0 };
      const then = { ...common, resumption: taken, earlyData: early, send: later };
      const expected = expectBytes(early.length + later.length);
      return {
        ...(laterSeconds !== 0 && { worldSeconds: Date.now() / 1000 + laterSeconds }),
        attempts: [
          i === 0
            ? { ...first, send: later, expectBytes: expectBytes(later.length), ...more }
            : { ...then, expectBytes: expected, ...more },
        ],
      };
    }),
  );
  for (const { outcomes, end } of runs) {
    assert.equal(outcomes[0]?.end, "open", JSON.stringify(outcomes[0]));
    assert.equal(end.tlsBytesLeaked, 0);
  }
  return runs.map((run) => run.outcomes[0]!);
}

/** In what order the server heard what was said in connection `i`. */
function heard(log: string, i: number): readonly string[] {
  return [...log.matchAll(/^(?:received cmd: |z+)?(early|later) (\d+)$/gm)]
    .filter((match) => match[2] === `${i}`)
    .map((match) => match[1]!);
}

async function heardOnce(server: TalkingServer, i: number, what: string): Promise<void> {
  await until(() => heard(server.log(), i).includes("later"));
  assert.deepEqual(heard(server.log(), i), ["early", "later"], `${what}: ${server.log().slice(-1500)}`);
}

function judged(outcome: Outcome | undefined, resumed: boolean, accepted: boolean, what: string): void {
  assert.equal(outcome?.secured?.resumed, resumed, `${what}: ${JSON.stringify(outcome)}`);
  assert.equal(outcome?.secured?.earlyDataAccepted, accepted, `${what}: ${JSON.stringify(outcome)}`);
}

test("OpenSSL takes it, refuses it, or never allowed it: it arrives once", async () => {
  const servers = await Promise.all([
    talkingOpenssl({ certificate }, ["-tls1_3", "-early_data"]),
    talkingOpenssl({ certificate }, ["-tls1_3", "-early_data"]),
    talkingOpenssl({ certificate }, ["-tls1_3"]),
  ]);
  const [server, stranger, unable] = servers as [TalkingServer, TalkingServer, TalkingServer];
  try {
    const outcomes = await talk([
      [server],
      [server],
      // a session with early data is good for one connection: the second finds it used
      [server],
    ]);
    judged(outcomes[1], true, true, "taken");
    await heardOnce(server, 1, "taken");
    assert.match(server.log(), /Early data received/, "the server's word");
    judged(outcomes[2], false, false, "used already");
    await heardOnce(server, 2, "used already");

    const others = await talk([[server], [stranger]]);
    judged(others[1], false, false, "other ticket keys");
    await heardOnce(stranger, 1, "other ticket keys");

    const never = await talk([[unable], [unable]]);
    judged(never[1], true, false, "not allowed by the session");
    await heardOnce(unable, 1, "not allowed by the session");
  } finally {
    await Promise.all(servers.map((one) => one.stop()));
  }
});

test("a session taken up without its early data, and one whose key share is asked for again", async () => {
  const server = await talkingOpenssl({ certificate }, ["-tls1_3", "-early_data"]);
  const retrying = await talkingOpenssl({ certificate }, ["-tls1_3", "-early_data", "-groups", "X25519"]);
  try {
    // by the server's clock the ticket is much younger than the device says (RFC 8446 §8.3)
    const old = await talk([[server], [server, {}, 3600]]);
    judged(old[1], true, false, "an age that cannot be");
    await heardOnce(server, 1, "an age that cannot be");

    const retried = await talk([[retrying], [retrying]]);
    // the session was used up by the first of the two ClientHellos
    judged(retried[1], false, false, "HelloRetryRequest");
    await heardOnce(retrying, 1, "HelloRetryRequest");
  } finally {
    await server.stop();
    await retrying.stop();
  }
});

test("more than the session allows goes after the handshake, whole", async () => {
  const server = await talkingOpenssl({ certificate }, ["-tls1_3", "-early_data", "-max_early_data", "20"]);
  try {
    const text = `${"z".repeat(40)}early 1\n`;
    const outcomes = await talk([[server], [server, { earlyData: text }]]);
    judged(outcomes[1], true, false, "too long");
    await heardOnce(server, 1, "too long");
    const fits = await talk([[server], [server]]);
    judged(fits[1], true, true, "short enough");
  } finally {
    await server.stop();
  }
});

test("with a ticket that holds the device's certificate, ClientHello and early data are more than a record", async () => {
  // Names that nobody reads make it as long as a certificate with an RSA key of 4096 bits.
  const names = Array.from({ length: 10 }, (_, i) => `DNS:${`${i}`.repeat(60)}`).join(",");
  const client = ca.issue("long", { extensions: [...clientAuth, `subjectAltName=${names}`] });
  const identity = {
    certificate: readFileSync(client.certificate, "utf8"),
    key: readFileSync(client.key, "utf8"),
  };
  // With its own measures against replay OpenSSL's tickets only name the session.
  const flags = ["-tls1_3", "-early_data", "-no_anti_replay"];
  const server = await talkingOpenssl({ certificate, clientCA: ca }, flags);
  const tap = await relay(server.port);
  try {
    const there = { ...server, port: tap.port };
    const more = { identity, resumption: { ...kept, maxBytes: 4000 } };
    const earlyData = `${"z".repeat(900)}early 1\n`;
    const outcomes = await talk([
      [there, more],
      [there, { ...more, resumption: { ...more.resumption, only: "take" }, earlyData }],
    ]);
    assert.ok(outcomes[0]!.savedBytes! > 1300, `a session of ${outcomes[0]!.savedBytes} bytes`);
    judged(outcomes[1], true, true, "long");
    await heardOnce(server, 1, "long");
    const flight = tap.overheard()[1]!.fromClient;
    assert.ok(flight.length > 2400, `${flight.length} bytes from the device`);
  } finally {
    await tap.stop();
    await server.stop();
  }
});

test("without a session, without TLS 1.3 and in a PSK handshake it is simply the first that is sent", async () => {
  const server = await talkingOpenssl({ certificate }, ["-early_data"]);
  try {
    const outcomes = await talk([
      [server],
      [server, { resumption: { ...taken, slot: 9 } }],
      [server, { minVersion: "1.2", maxVersion: "1.2" }],
    ]);
    for (const i of [1, 2]) {
      judged(outcomes[i], false, false, `connection ${i}`);
      await heardOnce(server, i, `connection ${i}`);
    }
  } finally {
    await server.stop();
  }
});

test("GnuTLS takes it, and refuses it: it is not sent again, or it is", async () => {
  const early = ["--earlydata", "--maxearlydata", "1000", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3"];
  const server = await talkingGnutls(scratch, { certificate }, early);
  const stranger = await talkingGnutls(scratch, { certificate }, early);
  try {
    // gnutls-serv swallows early data: what it echoes is what came after the handshake
    const outcomes = await talk([[server], [server, { expectBytes: "later 1\n".length }]], (sent) => sent);
    judged(outcomes[1], true, true, "taken");
    assert.equal(outcomes[1]?.text, "later 1\n");
    assert.deepEqual(heard(server.log(), 1), ["later"]);
    const others = await talk([[server], [stranger]], (sent) => sent);
    judged(others[1], false, false, "other ticket keys");
    assert.equal(others[1]?.text, "early 1\nlater 1\n");
    await heardOnce(stranger, 1, "other ticket keys");
  } finally {
    await server.stop();
    await stranger.stop();
  }
});
