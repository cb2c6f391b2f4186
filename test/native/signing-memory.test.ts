/**
 * ES256 and the memory it takes: each single allocation that fails is told and leaves nothing behind, and key and
 * nonce are in no memory that the process can write once they are done with. Before that the same search finds the key.
 */
import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { boardManifest } from "../../host-sim/board.js";
import { Device } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { encodeFlash } from "../../host-sim/flash.js";
import { writeImage } from "../../host-sim/image.js";
import { nonceOf, signDeterministically } from "../node-ecdsa.js";
import { searchMemory } from "./memory-search.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-signing-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const der = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
  type: "pkcs8",
  format: "der",
});
const key = Buffer.from(
  createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "jwk" }).d!,
  "base64url",
);
const message = Buffer.from("what a dormouse signs");
const signature = Buffer.from(signDeterministically(key, message)).toString("hex");

/** Asks after each step, so that a test can look at it, and once more with what came of it. */
const main = `import { ask } from "dormouse/world";
import KeyValue from "embedded:storage/key-value";
import { nativeCrypto } from "dormouse/crypto/native";
import { deepSleep } from "dormouse/native/power";

const message = Uint8Array.from([${[...message]}]);
let outcome = "";
let key;

function flash() {
  const store = KeyValue.open({ path: "test", format: "buffer" });
  const bytes = new Uint8Array(store.read("key"));
  store.close();
  return bytes;
}

const steps = {
  import() {
    const bytes = flash();
    try {
      key = nativeCrypto.importSigningKey(bytes);
    } finally {
      bytes.fill(0);
    }
  },
  sign() {
    outcome = "";
    for (const byte of nativeCrypto.sign(key, message)) outcome += (byte + 256).toString(16).slice(1);
  },
  close() {
    key?.close();
    key = undefined;
  },
};

function next() {
  ask("step", outcome, (step) => {
    if (step === "sleep") return deepSleep(1000);
    outcome = "done";
    try {
      steps[step]();
    } catch (error) {
      outcome = String(error);
    }
    next();
  });
}
next();
`;

/** Does one step after the other; what each gives tells which is next. */
async function onDevice(
  variant: "release" | "sanitize",
  steps: (device: Device) => AsyncGenerator<string, void, string>,
): Promise<void> {
  const [source, image, flashFile] = ["main.js", "image", "flash"].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(source, main);
  writeFileSync(flashFile, encodeFlash([{ domain: "test", key: "key", type: "buffer", value: der }]), {
    mode: 0o600,
  });
  writeImage(image, {
    board: "esp32c3",
    manifest: boardManifest("esp32c3"),
    main: "signing",
    extra: [{ specifier: "signing", source, preload: false }],
    flashFile,
  });
  let script: AsyncGenerator<string, void, string> | undefined;
  let failure: unknown;
  const device = await Device.start({
    engine: await engineFile(variant),
    image,
    onTrace: () => {},
    onAsk: async (_, outcome) => {
      script ??= steps(device);
      try {
        const { value, done } = await script.next(outcome);
        return { text: done ? "sleep" : value, advanceMs: 0 };
      } catch (error) {
        failure = error;
        return { text: "sleep", advanceMs: 0 };
      }
    },
  });
  const end = await device.boot("power-on", Date.now(), 60_000);
  const errors = await device.stop();
  if (failure) throw failure;
  assert.equal(end.reason, "sleep", end.detail);
  assert.equal((end as typeof end & { tlsBytesLeaked: number }).tlsBytesLeaked, 0);
  assert.doesNotMatch(errors, /Sanitizer|runtime error/);
}

const noMemory = "Error: no memory for cryptography";

test("whichever allocation fails, the device is told so, keeps nothing, and then signs as before", () =>
  onDevice("sanitize", async function* (device) {
    const held = async () => (await device.meters()).tlsBytes;
    assert.equal(yield "import", "done");
    assert.equal(yield "sign", signature);
    yield "close";
    const idle = await held();
    for (const step of ["import", "sign"] as const) {
      let refused = 0;
      for (let failing = 1; ; failing++) {
        if (step === "sign") assert.equal(yield "import", "done");
        const before = await device.meters();
        device.fault(`tls-allocation ${failing}`);
        const outcome: string = yield step;
        device.fault("none");
        const short = (await device.meters()).tlsRefusals !== before.tlsRefusals;
        if (!short) {
          assert.equal(outcome, step === "import" ? "done" : signature);
          yield "close";
          break;
        }
        assert.equal(outcome, noMemory, `${step}, allocation ${failing}`);
        refused++;
        yield "close";
        assert.equal(await held(), idle, `${step}, allocation ${failing}`);
      }
      assert.ok(refused >= (step === "import" ? 1 : 10), `${step}: only ${refused} allocations`);
    }
    assert.equal(await held(), idle);
  }));

test("key and nonce are nowhere in memory once they are done with", () =>
  onDevice("release", async function* (device) {
    const secrets = [
      { name: "key", bytes: key },
      { name: "nonce", bytes: nonceOf(key, message) },
    ];
    const found = () =>
      new Set(searchMemory(device.pid, secrets).map(({ name, region }) => `${name} ${region}`));
    assert.deepEqual([...found()], []);
    for (let round = 0; round < 3; round++) {
      assert.equal(yield "import", "done");
      assert.deepEqual([...found()], ["key [heap]"], "PSA holds it");
      assert.equal(yield "sign", signature);
      assert.deepEqual([...found()], ["key [heap]"], "after a signature");
      yield "close";
      assert.deepEqual([...found()], [], "closed");
    }
    // what the machine's end gives back is wiped too
    assert.equal(yield "import", "done");
  }));
