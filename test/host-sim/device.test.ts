/** The Node end of a simulated device: what it does with an engine that hangs or refuses. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { boardManifest } from "../../host-sim/board.js";
import { Device, EngineError } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { decodeFlash, encodeFlash } from "../../host-sim/flash.js";
import { writeImage } from "../../host-sim/image.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-device-"));
let engine: string;
before(async () => {
  engine = await engineFile("release");
});
after(() => rmSync(scratch, { recursive: true, force: true }));

const world = { onTrace: () => {}, onAsk: async () => ({ text: "", advanceMs: 0 }) };

function imageOf(program: string): string {
  const source = join(scratch, "program.js");
  writeFileSync(source, program);
  const image = join(scratch, "image");
  writeImage(image, {
    board: "esp32c3",
    manifest: boardManifest("esp32c3"),
    main: "program",
    extra: [{ specifier: "program", source, preload: false }],
    flashFile: join(scratch, "flash"),
  });
  return image;
}

test("an endless loop is ended, and named", async () => {
  const device = await Device.start({ ...world, engine, image: imageOf("for (;;) ;\n") });
  await assert.rejects(device.boot("power-on", Date.now(), 500), (error) => {
    return error instanceof EngineError && /did not end its wake within 0\.5 s/.test(error.message);
  });
  await device.stop();
});

test("an exception ends the boot with its place, and the next boot works", async () => {
  const device = await Device.start({ ...world, engine, image: imageOf("\nnull.sense();\n") });
  for (const cause of ["power-on", "abort"] as const) {
    const end = await device.boot(cause, Date.now(), 10_000);
    assert.equal(end.reason, "exception");
    assert.match(end.detail, /program\.js:2/);
  }
  await device.stop();
});

test("an image that cannot be read is an error in one line", async () => {
  const image = join(scratch, "bad-image");
  writeFileSync(image, "nonsense\n");
  await assert.rejects(Device.start({ ...world, engine, image }), (error) => {
    return error instanceof EngineError && !error.message.includes("\n");
  });
});

test("an engine that is not there is an error in one line", async () => {
  const missing = join(scratch, "no-engine");
  await assert.rejects(Device.start({ ...world, engine: missing, image: missing }), (error) => {
    return error instanceof EngineError && /cannot be started/.test(error.message);
  });
});

test("between boots the memories can be read and changed behind the device's back", async () => {
  const program = `
    import { deepSleep, readRtc, writeRtc } from "dormouse/native/power";
    import KeyValue from "embedded:storage/key-value";
    const store = KeyValue.open({ path: "test", format: "string" });
    const rtc = readRtc();
    trace(rtc[0] + " " + store.read("word"));
    store.write("word", "own");
    rtc[0]++;
    writeRtc(rtc);
    deepSleep(1000);
  `;
  const traces: string[] = [];
  const image = imageOf(program);
  const flashFile = join(scratch, "flash");
  const device = await Device.start({ ...world, engine, image, onTrace: (text) => traces.push(text) });
  await device.boot("power-on", Date.now(), 10_000);
  const rtc = await device.readRtc();
  assert.deepEqual([rtc.length, rtc[0]], [4096, 1]);
  rtc[0] = 40;
  device.writeRtc(rtc);
  const [entry] = decodeFlash(readFileSync(flashFile));
  writeFileSync(flashFile, encodeFlash([{ ...entry!, value: "other" }]));
  device.reloadFlash();
  await device.boot("deep-sleep", Date.now(), 10_000);
  rmSync(flashFile);
  device.reloadFlash();
  await device.boot("deep-sleep", Date.now(), 10_000);
  assert.deepEqual(traces, ["0 undefined", "40 other", "41 undefined"]);
  await device.stop();
});
