/**
 * Every way in which a device shows who it is, in both versions, to servers of three other makers; and each of
 * them again by resumption, in the same boot and after a deep sleep. Whether it was resumed is asked of the
 * server's log and of the wire, not only of the device.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { engineFile } from "../../host-sim/engine-file.js";
import type { Attempt, Outcome } from "../device/tls-client.js";
import { runBoots } from "./on-device.js";
import { type Peer, type Peers, peerMakers, until } from "./peers.js";
import { type Certificate, clientAuth, TestCA } from "./pki.js";
import { serverResumed } from "./records.js";
import { relay } from "./relay.js";
import type { Version } from "./servers.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-tls-"));
const now = Math.floor(Date.now() / 1000);
const psk = {
  identity: "dormouse-1",
  key: "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0",
};
const resumption = { secret: `hex:${"5a".repeat(32)}`, slot: 1, maxBytes: 3000 };
const identities = ["none", "certificate P-256", "certificate RSA", "psk"] as const;
type Identity = (typeof identities)[number];

let executable: string;
let ca: TestCA;
let clientCA: TestCA;
const clients = {} as Record<Identity, Certificate>;
const peers = new Map<string, Peers>();

before(async () => {
  executable = await engineFile("release");
  ca = new TestCA(scratch);
  clientCA = new TestCA(scratch, "client-ca", { subject: "/CN=Devices" });
  const about = { subject: "/CN=dormouse-1", extensions: clientAuth };
  clients["certificate P-256"] = clientCA.issue("client", about);
  clients["certificate RSA"] = clientCA.issue("client-rsa", { ...about, kind: "rsa" });
  const certificate = ca.issue("server");
  for (const [name, make] of peerMakers)
    peers.set(name, await make(scratch, { certificate }, { certificate, clientCA }, { psk }));
});
after(async () => {
  for (const all of peers.values()) await all.stop();
  rmSync(scratch, { recursive: true, force: true });
});

function attemptOf(identity: Identity, peer: Peer): Omit<Attempt, "port"> {
  const common = { hostName: "localhost", atSeconds: now, resumption, ...peer.talk };
  if (identity === "psk") return { ...common, psk: { ...psk, key: `hex:${psk.key}` } };
  if (identity === "none") return { ...common, ca: ca.pem };
  const { certificate, key } = clients[identity];
  const files = { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
  return { ...common, ca: ca.pem, identity: files };
}

function peerFor(identity: Identity, { open, mutual, preshared }: Peers): Peer {
  return identity === "psk" ? preshared : identity === "none" ? open : mutual;
}

function served(outcome: Outcome, version: Version, peer: Peer): void {
  assert.equal(outcome.end, "open", JSON.stringify(outcome));
  assert.equal(outcome.secured?.version, version);
  assert.equal(outcome.text, peer.answer);
}

for (const [maker] of peerMakers)
  for (const version of ["1.3", "1.2"] as const)
    for (const identity of identities)
      test(`${maker}, TLS ${version}, ${identity}: full, resumed, and resumed after deep sleep`, async () => {
        const peer = peerFor(identity, peers.get(maker)!);
        const before = peer.resumptions?.() ?? 0;
        // TLS 1.3 with an external PSK is as short as a resumption, and nothing is kept of it
        const resumable = identity !== "psk" || version === "1.2";
        const tap = await relay(peer.port);
        const attempt = {
          ...attemptOf(identity, peer),
          port: tap.port,
          minVersion: version,
          maxVersion: version,
          ...(!resumable && { resumption: { ...resumption, ticketWaitMs: 50 } }),
        };
        const { atSeconds, ...later } = attempt;
        const runs = await runBoots(executable, scratch, [
          { attempts: [attempt, later], worldSeconds: now },
          { attempts: [later, later], worldSeconds: now + 3600 },
        ]).finally(() => tap.stop());
        const outcomes = runs.flatMap((run) => run.outcomes);
        for (const outcome of outcomes) served(outcome, version, peer);
        for (const { end } of runs) assert.equal(end.tlsBytesLeaked, 0);

        const asked = resumable ? [false, true, true, true] : [false, false, false, false];
        assert.deepEqual(
          outcomes.map((outcome) => outcome.secured?.resumed),
          asked,
          "the device's word",
        );
        assert.deepEqual(
          tap.overheard().map(serverResumed),
          resumable ? asked : [true, true, true, true],
          "what the wire says",
        );
        for (const { savedBytes = 0 } of outcomes) assert.equal(savedBytes > 0, resumable, `${savedBytes}`);
        if (!resumable || !peer.resumptions) return;
        await until(() => peer.resumptions!() - before >= 3);
        assert.equal(peer.resumptions() - before, 3, "the server's word");
      });
