/** The file of a board that the page provisioned: what of it goes where, and which files are refused. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Fleet } from "../../../backend/fleet/fleet.js";
import { type ProvisionedFile, readProvisionedFile } from "../../../backend/fleet/provisioned-file.js";
import { takeIn } from "../../../backend/fleet/take-in.js";
import { readKeyring } from "../../../backend/keyring.js";
import { certificateFacts } from "../../../certs/pki/facts.js";
import { issueDevice, issueIssuing, issueRoot } from "../../../certs/pki/issue.js";
import { pem } from "../../../certs/pki/pem.js";
import { validFor } from "../../../certs/pki/validity.js";
import { checkProfile } from "../../../cli/profile/check.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-take-in-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let folders = 0;

const { x, y } = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
const signPoint = `04${Buffer.from(x!, "base64url").toString("hex")}${Buffer.from(y!, "base64url").toString("hex")}`;

async function certificate(): Promise<Uint8Array<ArrayBuffer>> {
  const validity = validFor(9, Date.now());
  const issuing = await issueIssuing("Test", await issueRoot("Test", validity), validity);
  return (await issueDevice(issuing, "vole-1", validity)).certificate;
}

function fileOf(more: Partial<ProvisionedFile> = {}): ProvisionedFile {
  const written = {
    schema: 1,
    device: { id: "vole-1" },
    wifi: { improv: true },
    broker: { host: "broker.example.org", tls: { ca: "file:ca.pem", certificate: "issued" } },
    topics: { protection: "sign", signKey: "device" },
  };
  const checked = checkProfile(JSON.stringify(written));
  assert.ok(checked.ok);
  return {
    format: "dormouse-provisioned-1",
    id: "vole-1",
    epoch: 0,
    mac: "a0b1c2d3e4f5",
    board: "esp32c3",
    firmware: "0.1.0",
    at: "2026-11-22T02:03:04.567Z",
    profileName: "vole.json",
    profile: checked.profile,
    secret: "5e".repeat(32),
    signPoint,
    ...more,
  };
}

const read = (file: object) => readProvisionedFile(JSON.stringify(file));

test("register and keyring have what a board that dormouse provisioned has there", async () => {
  const fleet = new Fleet(join(folder, `${folders++}`));
  try {
    const der = await certificate();
    const { row } = await takeIn(fleet, read(fileOf({ certificate: pem("CERTIFICATE", der) })));
    const { id, epoch, state, origin, kid, mac, signPoint: point, certificate: facts } = row;
    assert.deepEqual(
      { id, epoch, state, origin, kid, mac, point },
      {
        id: "vole-1",
        epoch: 0,
        state: "complete",
        origin: "browser",
        kid: "8246766f6c652d3100",
        mac: "a0b1c2d3e4f5",
        point: signPoint,
      },
    );
    assert.equal(facts?.fingerprint, (await certificateFacts(der)).fingerprint);
    assert.equal(Buffer.from(fleet.secretOf({ id, epoch })!).toString("hex"), "5e".repeat(32));
    readKeyring(fleet.keyring);

    await assert.rejects(takeIn(fleet, read(fileOf())), /has vole-1 with epoch 0 already/);
    assert.equal(fleet.register.list().length, 1);
    const later = await takeIn(fleet, read(fileOf({ epoch: 3, secret: "77".repeat(32) })));
    assert.equal(later.row.epoch, 3);
    await assert.rejects(
      takeIn(fleet, read(fileOf({ epoch: 2 }))),
      /with epoch 3 already, and this is epoch 2/,
    );
  } finally {
    fleet.close();
  }
});

test("what a board has not proved is pending, until the file comes that the page gives after its proofs", async () => {
  const fleet = new Fleet(join(folder, `${folders++}`));
  try {
    const certified = { certificate: pem("CERTIFICATE", await certificate()) };
    const unproved = await takeIn(fleet, read(fileOf({ ...certified, state: "unproved" })));
    assert.equal(unproved.row.state, "pending");
    assert.equal(unproved.row.signPoint, signPoint);
    assert.ok(unproved.row.certificate);
    assert.equal(Buffer.from(fleet.secretOf(unproved.row)!).toString("hex"), "5e".repeat(32));

    const others = [
      { ...certified, secret: "77".repeat(32) },
      { ...certified, signPoint: undefined },
      { certificate: pem("CERTIFICATE", await certificate()) },
      { ...certified, state: "unproved" as const },
    ];
    for (const other of others)
      await assert.rejects(takeIn(fleet, read(fileOf(other as object))), /has vole-1 with epoch 0 already/);
    assert.equal(fleet.register.find("vole-1")!.state, "pending");
    const { row } = await takeIn(fleet, read(fileOf(certified)));
    assert.deepEqual([row.state, row.epoch, row.certificate], ["complete", 0, unproved.row.certificate]);
    assert.equal(fleet.register.list().length, 1);
  } finally {
    fleet.close();
  }
});

test("a certificate that is none leaves nothing behind", async () => {
  const fleet = new Fleet(join(folder, `${folders++}`));
  try {
    const damaged = pem("CERTIFICATE", new Uint8Array(30));
    await assert.rejects(takeIn(fleet, read(fileOf({ certificate: damaged }))));
    assert.deepEqual(fleet.register.list(), []);
    assert.equal(fleet.secretOf({ id: "vole-1", epoch: 0 }), undefined);
  } finally {
    fleet.close();
  }
});

test("a file is read whole or not at all, and its secret is in no message", () => {
  assert.equal(read(fileOf()).id, "vole-1");
  const { secret, ...without } = fileOf();
  const wrong: readonly [string | object, RegExp][] = [
    ["{", /not JSON/],
    [[], /no JSON object/],
    [fileOf({ format: "x" as never }), /no file of a board/],
    [without, /damaged: secret/],
    [fileOf({ secret: `${secret}00` }), /damaged: secret/],
    [fileOf({ epoch: "0" as never }), /damaged: epoch/],
    [fileOf({ state: "proved" as never }), /damaged: state/],
    [fileOf({ epoch: -1 }), /damaged: epoch/],
    [fileOf({ id: "vole 1" }), /no device id/],
    [fileOf({ id: "vole-2" }), /another device's/],
    [fileOf({ signPoint: `05${signPoint.slice(2)}` }), /damaged: signPoint/],
    [{ ...fileOf(), profile: { schema: 1 } }, /damaged: profile/],
    [{ ...fileOf(), more: 1 }, /does not know/],
  ];
  for (const [file, problem] of wrong)
    assert.throws(
      () => readProvisionedFile(typeof file === "string" ? file : JSON.stringify(file)),
      (error: Error) => problem.test(error.message) && !error.message.includes(secret.slice(0, 16)),
    );
});
