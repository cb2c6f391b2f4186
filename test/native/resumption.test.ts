/**
 * What a saved session is worth when something has changed: the server's keys, the device's trust, its secret,
 * a bit on the way, or the time. Each time a full handshake follows in the same connection, and nothing worse;
 * beside it the resumption that differs in that one thing.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { BootCause } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import type { Attempt, Outcome, Resuming } from "../device/tls-client.js";
import { type Boot, type Run, runBoots } from "./on-device.js";
import { type Peers, peerMakers } from "./peers.js";
import { type Certificate, clientAuth, pinOf, serverFor, strangePin, strangePins, TestCA } from "./pki.js";
import { clientOffered, serverResumed } from "./records.js";
import { type Relay, relay } from "./relay.js";
import { type Server, serving, talkingOpenssl, welcome } from "./servers.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-tls-"));
const now = Math.floor(Date.now() / 1000);
const hour = 3600;
const psk = { identity: "dormouse-1", key: "000102030405060708090a0b0c0d0e0f" };
const kept: Resuming = { secret: `hex:${"5a".repeat(32)}`, slot: 1 };
const taken: Resuming = { ...kept, only: "take" };
const versions = ["1.3", "1.2"] as const;

let executable: string;
let ca: TestCA;
let otherCA: TestCA;
let certificate: Certificate;
let server: Server;
let tap: Relay;

before(async () => {
  executable = await engineFile("release");
  ca = new TestCA(scratch);
  otherCA = new TestCA(scratch, "other", { subject: "/CN=Other CA" });
  certificate = ca.issue("server", {
    extensions: serverFor("DNS:localhost", "DNS:broker.local", "IP:127.0.0.1"),
  });
  server = await talkingOpenssl({ certificate });
  tap = await relay(server.port);
});
after(async () => {
  await tap.stop();
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
});

function to(more: Partial<Attempt> = {}): Attempt {
  const expectBytes = welcome.length;
  return { port: tap.port, hostName: "localhost", ca: ca.pem, expectBytes, resumption: kept, ...more };
}

function run(boots: readonly Boot[]): Promise<readonly Run[]> {
  return runBoots(executable, scratch, boots);
}

/** In one boot, which may be a while after power came. */
async function inTurn(attempts: readonly Attempt[], powerForSeconds = 0): Promise<readonly Outcome[]> {
  const first = { ...attempts[0]!, atSeconds: now };
  const [, { outcomes, end }] = (await run([
    { attempts: [], worldSeconds: now - powerForSeconds },
    { attempts: [first, ...attempts.slice(1)], worldSeconds: now },
  ])) as [Run, Run];
  assert.equal(end.tlsBytesLeaked, 0);
  return outcomes;
}

function served(outcome: Outcome | undefined, how: "full" | "resumed", what: string): void {
  assert.equal(outcome?.end, "open", `${what}: ${JSON.stringify(outcome)}`);
  assert.equal(outcome.secured?.resumed, how === "resumed", `${what}: ${how}`);
}

for (const version of versions)
  test(`TLS ${version}: whoever has new ticket keys is shaken hands with in full, in the same connection`, async () => {
    for (const [maker, make] of peerMakers) {
      const credentials = [{ certificate }, { certificate }, { psk }] as const;
      const [earlier, later] = await Promise.all([
        make(scratch, ...credentials),
        make(scratch, ...credentials),
      ]);
      const taps = await Promise.all([earlier, later].map(({ open }) => relay(open.port)));
      const [there, here] = taps.map(({ port }) =>
        to({ port, minVersion: version, maxVersion: version, ...earlier.open.talk }),
      );
      try {
        const outcomes = await inTurn([there!, there!, here!, here!]);
        const expected = ["full", "resumed", "full", "resumed"] as const;
        expected.forEach((how, i) => {
          served(outcomes[i], how, `${maker}, connection ${i}`);
          assert.equal(outcomes[i]?.text, earlier.open.answer, maker);
        });
        const [before, after] = taps.map((one) => one.overheard());
        assert.deepEqual(before!.map(serverResumed), [false, true], maker);
        assert.deepEqual(after!.map(serverResumed), [false, true], maker);
        assert.deepEqual(after!.map(clientOffered), [true, true], `${maker}: it was offered, and refused`);
      } finally {
        await Promise.all([...taps, earlier, later].map((one) => one.stop()));
      }
    }
  });

for (const version of versions) {
  const only = { minVersion: version, maxVersion: version } as const;

  test(`TLS ${version}: a session ends with the certificates of its full handshake`, async () => {
    const at = (days: number, more: Partial<Attempt> = {}) =>
      to({ ...only, clock: "trusted", atSeconds: now + days * 24 * hour, ...more });
    const beyond = now + 30 * 24 * hour;
    const outcomes = await inTurn([
      at(0),
      at(15),
      at(30),
      at(0),
      at(0, { clock: "unknown", timeFloorSeconds: beyond }),
      at(15),
    ]);
    const kinds = outcomes.map(
      ({ secured, failure }) => failure?.kind ?? (secured?.resumed ? "resumed" : "full"),
    );
    assert.deepEqual(kinds, ["full", "resumed", "tls-expired", "resumed", "tls-expired", "resumed"]);
  });

  test(`TLS ${version}: of a saved session with a wrong bit, or cut, nothing is taken up`, async () => {
    const changed = (more: Partial<Resuming>) => to({ ...only, resumption: { ...taken, ...more } });
    const places = [0, 1, 5, 8, 9, 20, 21, 60, 120];
    const cuts = [0, 9, 37, 38, 100];
    // in its sixth day a device has bits in its clock whose loss makes a session older, but not too old
    const outcomes = await inTurn(
      [
        to(only),
        changed({ only: "try" }),
        ...places.map((at) => changed({ flipBit: at * 8 + (at % 8) })),
        ...cuts.map((cutAt) => changed({ cutAt })),
        changed({}),
      ],
      5 * 24 * hour,
    );
    served(outcomes[0], "full", "the first");
    const { opened, savedBytes } = { ...outcomes[1]!, savedBytes: outcomes[0]!.savedBytes! };
    assert.deepEqual(opened, {
      whole: true,
      flips: savedBytes,
      flipsOpened: 0,
      lengths: savedBytes + 1,
      lengthsOpened: 0,
    });
    places.forEach((at, i) => {
      served(outcomes[2 + i], "full", `bit of byte ${at}`);
    });
    cuts.forEach((at, i) => {
      served(outcomes[2 + places.length + i], "full", `cut at ${at}`);
    });
    served(outcomes.at(-1), "resumed", "unchanged");
  });

  test(`TLS ${version}: another secret or any other setting, and it is not taken up`, async () => {
    const client = ca.issue("client", { subject: "/CN=d", extensions: clientAuth });
    const identity = {
      certificate: readFileSync(client.certificate, "utf8"),
      key: readFileSync(client.key, "utf8"),
    };
    const pins = [pinOf(certificate), strangePin];
    const emptyCrl = ca.revocations([]);
    const other = ca.issue("revoked");
    const crl = ca.revocations([other]);
    const from = { ...only, resumption: taken };
    const cases: readonly (readonly [string, Partial<Attempt>])[] = [
      ["another secret", { resumption: { ...taken, secret: `hex:${"5a".repeat(31)}5b` } }],
      ["one CA more", { ca: `${ca.pem}${otherCA.pem}` }],
      ["another name", { hostName: "broker.local" }],
      ["an address", { hostName: "127.0.0.1" }],
      ["pins", { pins }],
      ["a CRL", { crl: emptyCrl }],
      ["an identity", { identity }],
      ["another protocol", { alpn: ["mqtt"] }],
      ["other versions", version === "1.3" ? { minVersion: "1.2" } : { maxVersion: "1.3" }],
      ["another age limit is no other setting", { resumption: { ...taken, maxAgeSeconds: 100 } }],
    ];
    const outcomes = await inTurn([
      to(only),
      ...cases.map(([, more]) => to({ ...from, ...more })),
      to(from),
      // and between two sets of settings of one kind
      to({ ...only, pins, crl: emptyCrl, identity }),
      to({ ...from, pins: [...pins].reverse(), crl: emptyCrl, identity }),
      to({ ...from, pins, crl, identity }),
      to({ ...from, pins, crl: emptyCrl, identity }),
    ]);
    served(outcomes[0], "full", "the first");
    cases.forEach(([name], i) => {
      served(outcomes[1 + i], name.includes("no other") ? "resumed" : "full", name);
    });
    const rest = outcomes.slice(1 + cases.length);
    (["resumed", "full", "full", "full", "resumed"] as const).forEach((how, i) => {
      served(rest[i], how, `rest ${i}`);
    });
  });

  test(`TLS ${version}: trust that was taken away holds for saved sessions too`, async () => {
    const from = { ...only, resumption: taken };
    const outcomes = await inTurn([
      to(only),
      to({ ...from, ca: otherCA.pem }),
      to({ ...from, hostName: "localhost.example" }),
      to({ ...from, pins: strangePins }),
      to({ ...from, crl: ca.revocations([certificate]) }),
      to(from),
    ]);
    const kinds = ["tls-untrusted", "tls-name", "tls-pin-mismatch", "tls-revoked"];
    kinds.forEach((kind, i) => {
      assert.equal(outcomes[1 + i]?.failure?.kind, kind, JSON.stringify(outcomes[1 + i]));
    });
    served(outcomes.at(-1), "resumed", "as it was");
  });

  test(`TLS ${version}: a server that took the broker's place is not helped by a saved session`, async () => {
    const false_ = new TestCA(scratch, `false-${version}`, { subject: "/CN=Test CA" }).issue(
      `liar-${version}`,
    );
    await serving(talkingOpenssl({ certificate: false_ }), async ({ port }) => {
      const outcomes = await inTurn([to(only), to({ ...only, port }), to(only)]);
      served(outcomes[0], "full", "the first");
      assert.equal(outcomes[1]?.failure?.kind, "tls-untrusted");
      served(outcomes[2], "resumed", "the session is still good for the right one");
    });
  });

  test(`TLS ${version}: its age counts from the last full handshake, across renewals and deep sleep`, async () => {
    const at = (seconds: number, resumption: Resuming, more: Partial<Attempt> = {}): Boot => ({
      attempts: [to({ ...only, resumption, ...more })],
      worldSeconds: now + seconds,
    });
    const short = { ...kept, maxAgeSeconds: hour };
    const runs = await run([
      at(0, kept, { atSeconds: now }),
      at(hour / 2, short),
      at(hour - 60, short),
      at(hour + 60, { ...kept, maxAgeSeconds: 2 * hour, only: "take" }),
      // the clock is not what counts: it may be set back
      at(hour + 120, short, { atSeconds: now }),
      at(hour + 180, short),
    ]);
    const expected = ["full", "resumed", "resumed", "resumed", "full", "resumed"] as const;
    expected.forEach((how, i) => {
      served(runs[i]?.outcomes[0], how, `boot ${i}`);
    });
  });

  test(`TLS ${version}: power-on forgets; another reset keeps what is intact`, async () => {
    const one = (cause: BootCause): Boot => ({ attempts: [to({ ...only, atSeconds: now })], cause });
    const runs = await run([one("power-on"), one("watchdog"), one("brown-out"), one("power-on")]);
    const expected = ["full", "resumed", "resumed", "full"] as const;
    expected.forEach((how, i) => {
      served(runs[i]?.outcomes[0], how, `boot ${i}`);
    });
  });

  test(`TLS ${version}: what is larger than allowed is not kept, nor is anything when it is turned off`, async () => {
    const sized = (more: Partial<Resuming>) => to({ ...only, resumption: { ...kept, ...more } });
    const { resumption: _, ...off } = to(only);
    const [first] = await inTurn([sized({ only: "save" })]);
    const size = first!.savedBytes!;
    assert.ok(size > 100 && size <= 1024, `${size}`);
    const outcomes = await inTurn([
      sized({ only: "save", maxBytes: size }),
      sized({ only: "save", slot: 2, maxBytes: size - 1 }),
      sized({ only: "save", slot: 3, maxBytes: 1 }),
      off,
      off,
    ]);
    assert.deepEqual(
      outcomes.map(({ savedBytes }) => savedBytes),
      [size, 0, 0, 0, 0],
    );
    for (const outcome of outcomes) served(outcome, "full", "each");
  });
}

test("the age limit is a day when nothing is said", async () => {
  const at = (seconds: number): Boot => ({
    attempts: [to({ maxVersion: "1.2", ...(seconds === 0 && { atSeconds: now }) })],
    worldSeconds: now + seconds,
  });
  const runs = await run([at(0), at(24 * hour - 60), at(24 * hour + 60)]);
  (["full", "resumed", "full"] as const).forEach((how, i) => {
    served(runs[i]?.outcomes[0], how, `boot ${i}`);
  });
});

test("TLS 1.2: a PSK device's session is not taken up with another key or identity", async () => {
  const shared = { ...psk, key: `hex:${psk.key}` };
  const peers: Peers = await peerMakers.get("Mosquitto")!(scratch, { certificate }, { certificate }, { psk });
  const { port, talk } = peers.preshared;
  const with_ = (more: Partial<Attempt>): Attempt => {
    const { ca: _, ...attempt } = to({ port, maxVersion: "1.2", ...talk, psk: shared, ...more });
    return attempt;
  };
  const outcomes = await inTurn([
    with_({}),
    with_({ resumption: taken, psk: { ...shared, key: shared.key.replace(/0f$/, "0e") } }),
    with_({ resumption: taken, psk: { ...shared, identity: "dormouse-2" } }),
    with_({ resumption: taken }),
  ]).finally(() => peers.stop());
  served(outcomes[0], "full", "the first");
  for (const at of [1, 2])
    assert.equal(outcomes[at]?.failure?.kind, "tls-psk-refused", JSON.stringify(outcomes[at]));
  served(outcomes[3], "resumed", "unchanged");
});
