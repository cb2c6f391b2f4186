/**
 * Who the device is: private keys in every form that people have, and what three servers answer to the wrong
 * certificate, none, the wrong key or an unknown identity; beside each the one they let in.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { engineFile } from "../../host-sim/engine-file.js";
import type { Attempt, Outcome } from "../device/tls-client.js";
import { certificateDer, encryptedForms, plainForms } from "./key-forms.js";
import { type Run, runOnDevice } from "./on-device.js";
import { type Peer, type Peers, peerMakers } from "./peers.js";
import { type Certificate, chainFile, clientAuth, TestCA } from "./pki.js";
import { clientWentOn } from "./records.js";
import { relay } from "./relay.js";
import { talkingOpenssl, welcome } from "./servers.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-tls-"));
const now = Math.floor(Date.now() / 1000);
const psk = { identity: "dormouse-1", key: "000102030405060708090a0b0c0d0e0f" };
const versions = ["1.3", "1.2"] as const;
const about = { subject: "/CN=dormouse-1", extensions: clientAuth };

let executable: string;
let ca: TestCA;
let clientCA: TestCA;
let client: Certificate;
let stranger: Certificate;
let expired: Certificate;
const peers = new Map<string, Peers>();

before(async () => {
  executable = await engineFile("release");
  ca = new TestCA(scratch);
  clientCA = new TestCA(scratch, "client-ca", { subject: "/CN=Devices" });
  client = clientCA.issue("client", about);
  stranger = new TestCA(scratch, "other-ca", { subject: "/CN=Devices" }).issue("stranger", about);
  expired = clientCA.issue("expired", { ...about, key: client.key, days: [-20, -2] });
  const certificate = ca.issue("server");
  for (const [name, make] of peerMakers)
    peers.set(name, await make(scratch, { certificate }, { certificate, clientCA }, { psk }));
});
after(async () => {
  for (const all of peers.values()) await all.stop();
  rmSync(scratch, { recursive: true, force: true });
});

type Options = Omit<Attempt, "port" | "hostName">;

function to(peer: Peer, options: Options): Attempt {
  return {
    port: peer.port,
    hostName: "localhost",
    atSeconds: now,
    timeoutMs: 3000,
    ...peer.talk,
    ...options,
  };
}

function run(attempts: readonly Attempt[]): Promise<Run> {
  return runOnDevice(executable, scratch, attempts);
}

function text(path: string): string {
  return readFileSync(path, "utf8");
}

function filesOf({ certificate, key }: Certificate): NonNullable<Attempt["identity"]> {
  return { certificate: text(certificate), key: text(key) };
}

function accepted(outcome: Outcome | undefined, what: string): void {
  assert.equal(outcome?.end, "open", `${what}: ${JSON.stringify(outcome)}`);
}

function refused(outcome: Outcome | undefined, kind: string, what: string): void {
  assert.equal(outcome?.failure?.kind, kind, `${what}: ${JSON.stringify(outcome)}`);
  assert.equal(outcome?.received, 0, what);
}

test("P-256, RSA-2048 and RSA-3072, in PEM and DER, in every form without a password", async () => {
  const { mutual } = peers.get("OpenSSL")!;
  const jobs: Attempt[] = [];
  const names: string[] = [];
  for (const kind of ["ecdsa", "rsa", "rsa3072"] as const) {
    const { certificate, key } =
      kind === "ecdsa" ? client : clientCA.issue(`client-${kind}`, { ...about, kind });
    for (const [form, bytes] of plainForms(key)) {
      const shown = form.endsWith("DER") ? certificateDer(certificate) : text(certificate);
      names.push(`${kind}, ${form}`);
      jobs.push(to(mutual, { ca: ca.pem, identity: { certificate: shown, key: bytes } }));
    }
  }
  const { outcomes, end } = await run(jobs);
  for (const [i, outcome] of outcomes.entries()) accepted(outcome, names[i]!);
  assert.equal(end.tlsBytesLeaked, 0);
});

test("a key that is encrypted, weak, of another curve or another certificate's is refused before anything is sent", async () => {
  const { mutual } = peers.get("OpenSSL")!;
  const tap = await relay(mutual.port);
  const weak = clientCA.issue("client-1024", { ...about, kind: "rsa1024" });
  const p384 = clientCA.issue("client-384", { ...about, kind: "p384" });
  const { certificate, key } = filesOf(client);
  const cases: [string, NonNullable<Attempt["identity"]>, RegExp][] = [
    ["RSA-1024", filesOf(weak), /neither P-256 nor RSA of 2048/],
    ["P-384", filesOf(p384), /neither P-256 nor RSA of 2048/],
    ["another's key", { certificate, key: text(stranger.key) }, /not that of the client's certificate/],
    ["no key", { certificate, key: certificate }, /does not parse/],
    ["no certificate", { certificate: key, key }, /does not parse/],
    ["half a key", { certificate, key: key.slice(0, 100) }, /does not parse/],
  ];
  for (const [form, bytes] of encryptedForms(client.key))
    cases.push([form, { certificate, key: bytes }, /encrypted/]);
  const jobs = [...cases.map(([, identity]) => identity), { certificate, key }];
  const { outcomes, end } = await run(
    jobs.map((identity) => to({ ...mutual, port: tap.port }, { ca: ca.pem, identity })),
  ).finally(() => tap.stop());
  cases.forEach(([name, , error], i) => {
    assert.equal(outcomes[i]?.end, "threw", `${name}: ${JSON.stringify(outcomes[i])}`);
    assert.match(outcomes[i]?.error ?? "", /^RangeError/, name);
    assert.match(outcomes[i]?.error ?? "", error, name);
  });
  accepted(outcomes.at(-1), "the right key");
  assert.equal(tap.overheard().length, 1, "only the right key is a reason to connect");
  assert.equal(end.tlsBytesLeaked, 0);
});

test("a chain is sent whole: the server trusts the root, an intermediate has signed", async () => {
  const between = clientCA.intermediate("devices-2");
  const leaf = clientCA.issue("under", { ...about, issuer: between });
  const both = text(chainFile(join(scratch, "both.pem"), [leaf, between]));
  const { mutual } = peers.get("OpenSSL")!;
  const { outcomes } = await run(
    [both, text(leaf.certificate)].map((certificate) =>
      to(mutual, { ca: ca.pem, identity: { certificate, key: text(leaf.key) } }),
    ),
  );
  accepted(outcomes[0], "with the intermediate");
  refused(outcomes[1], "tls-client-auth-refused", "without");
});

test("a server may ask for a certificate and do without", async () => {
  const certificate = ca.issue("asking");
  const server = await talkingOpenssl({ certificate }, ["-CAfile", clientCA.certificate, "-verify", "3"]);
  const job = { port: server.port, hostName: "localhost", atSeconds: now, ca: ca.pem };
  const { outcomes } = await run(
    versions.map((maxVersion) => ({ ...job, maxVersion, expectBytes: welcome.length })),
  ).finally(() => server.stop());
  for (const [i, version] of versions.entries()) accepted(outcomes[i], version);
});

for (const [maker] of peerMakers) {
  test(`${maker}: a wrong, an expired and a missing client certificate`, async () => {
    const { mutual } = peers.get(maker)!;
    const cases: readonly [string, Certificate | undefined, boolean][] = [
      ["the right one", client, true],
      ["another CA's of the same name", stranger, false],
      ["expired", expired, false],
      ["none", undefined, false],
      ["the right one again", client, true],
    ];
    for (const maxVersion of versions) {
      const { outcomes, end } = await run(
        cases.map(([, files]) =>
          to(mutual, { ca: ca.pem, maxVersion, ...(files && { identity: filesOf(files) }) }),
        ),
      );
      cases.forEach(([name, , good], i) => {
        const what = `TLS ${maxVersion}, ${name}`;
        if (good) accepted(outcomes[i], what);
        else refused(outcomes[i], "tls-client-auth-refused", what);
        // in TLS 1.3 the server answers after the device has finished
        if (!good && maxVersion === "1.2") assert.equal(outcomes[i]?.secured, undefined, what);
      });
      assert.equal(end.tlsBytesLeaked, 0);
    }
  });

  test(`${maker}: a wrong PSK, and an identity that nobody knows`, async () => {
    const { preshared } = peers.get(maker)!;
    const key = `hex:${psk.key}`;
    const cases: readonly [string, NonNullable<Attempt["psk"]>, boolean][] = [
      ["the right one", { ...psk, key }, true],
      ["a bit is wrong", { ...psk, key: key.replace(/.$/, "e") }, false],
      ["longer by a byte", { ...psk, key: `${key}00` }, false],
      ["unknown identity", { identity: "dormouse-2", key }, false],
      ["the right one again", { ...psk, key }, true],
    ];
    for (const maxVersion of versions) {
      const { outcomes, end } = await run(cases.map(([, one]) => to(preshared, { psk: one, maxVersion })));
      cases.forEach(([name, , good], i) => {
        const what = `TLS ${maxVersion}, ${name}`;
        // s_server knows one key and takes TLS 1.2's identity for a mere name: it only warns
        const warned = maker === "OpenSSL" && maxVersion === "1.2" && name === "unknown identity";
        if (good || warned) accepted(outcomes[i], what);
        else refused(outcomes[i], "tls-psk-refused", what);
        if (!good && !warned) assert.equal(outcomes[i]?.secured, undefined, what);
      });
      assert.equal(end.tlsBytesLeaked, 0);
    }
  });

  test(`${maker}: a device with a PSK takes no server with a certificate, nor the other way round`, async () => {
    const { open, preshared } = peers.get(maker)!;
    const right = { ...psk, key: `hex:${psk.key}` };
    const tap = await relay(open.port);
    const away = await relay(preshared.port);
    try {
      for (const maxVersion of versions) {
        const { outcomes } = await run([
          to({ ...open, port: tap.port }, { psk: right, maxVersion }),
          to(preshared, { psk: right, maxVersion }),
          to({ ...preshared, port: away.port }, { ca: ca.pem, maxVersion }),
          to(open, { ca: ca.pem, maxVersion }),
        ]);
        refused(outcomes[0], "tls-psk-refused", `TLS ${maxVersion}, PSK device`);
        accepted(outcomes[1], `TLS ${maxVersion}, PSK`);
        refused(outcomes[2], "tls-no-common-suite", `TLS ${maxVersion}, certificate device`);
        accepted(outcomes[3], `TLS ${maxVersion}, certificate`);
      }
      for (const heard of [...tap.overheard(), ...away.overheard()]) assert.equal(clientWentOn(heard), false);
    } finally {
      await tap.stop();
      await away.stop();
    }
  });
}
