/**
 * A device that takes one step after the other, so that a test can look at it in between. The program's `steps` are
 * called by name with the rest of the step's words; what one returns is its outcome, what it throws too.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { boardManifest } from "../../host-sim/board.js";
import { Device } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { encodeFlash } from "../../host-sim/flash.js";
import { writeImage } from "../../host-sim/image.js";

/** What a program may use beside its own: `flash(key)` gives the bytes of an entry, to be zeroed. */
const head = `import { ask } from "dormouse/world";
import KeyValue from "embedded:storage/key-value";
import { nativeCrypto as crypto } from "dormouse/crypto/native";
import { deepSleep } from "dormouse/native/power";

function flash(key) {
  const store = KeyValue.open({ path: "test", format: "buffer" });
  const bytes = new Uint8Array(store.read(key));
  store.close();
  return bytes;
}

function hex(bytes) {
  let text = "";
  for (const byte of bytes) text += (byte + 256).toString(16).slice(1);
  return text;
}
`;

const tail = `
function next(outcome) {
  ask("step", outcome, (step) => {
    if (step === "sleep") return deepSleep(1000);
    const [name, ...words] = step.split(" ");
    let outcome = "done";
    try {
      outcome = steps[name](...words) ?? outcome;
    } catch (error) {
      outcome = String(error);
    }
    next(outcome);
  });
}
next("");
`;

export interface SteppingOptions {
  readonly variant: "release" | "sanitize";
  /** JavaScript that defines \`steps\`; secrets come by flash. */
  readonly program: string;
  readonly flash: Readonly<Record<string, Uint8Array>>;
}

/** What each step gives tells which is next; at the end nothing may be left of what mbedTLS took. */
export async function stepThrough(
  { variant, program, flash }: SteppingOptions,
  steps: (device: Device) => AsyncGenerator<string, void, string>,
): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "dormouse-steps-"));
  try {
    const source = join(scratch, "main.js");
    const image = join(scratch, "image");
    const flashFile = join(scratch, "flash");
    writeFileSync(source, head + program + tail);
    const entries = Object.entries(flash);
    writeFileSync(
      flashFile,
      encodeFlash(entries.map(([key, value]) => ({ domain: "test", key, type: "buffer", value }))),
      { mode: 0o600 },
    );
    writeImage(image, {
      board: "esp32c3",
      manifest: boardManifest("esp32c3"),
      main: "stepping",
      extra: [{ specifier: "stepping", source, preload: false }],
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
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Lets each allocation of a step fail in turn, until there are no more.
 * @param around gets the device to where the step is possible, and back
 * @returns how many there were
 */
export async function* failingAllocations(
  device: Device,
  step: string,
  expected: string,
  around: { readonly before: readonly string[]; readonly after: readonly string[] },
): AsyncGenerator<string, number, string> {
  const idle = (await device.meters()).tlsBytes;
  for (let failing = 1; ; failing++) {
    for (const one of around.before) assert.equal(yield one, "done", one);
    const before = (await device.meters()).tlsRefusals;
    device.fault(`tls-allocation ${failing}`);
    const outcome: string = yield step;
    device.fault("none");
    const short = (await device.meters()).tlsRefusals !== before;
    assert.equal(outcome, short ? "Error: no memory for cryptography" : expected, `${step}, ${failing}`);
    for (const one of around.after) assert.equal(yield one, "done", one);
    assert.equal(
      (await device.meters()).tlsBytes,
      idle,
      `${step}, allocation ${failing} leaves memory behind`,
    );
    if (!short) return failing - 1;
  }
}
