import { encode } from "../../../lib/cbor/encode.js";
import { crc32 } from "../../../lib/crc32.js";
import {
  confirmed,
  decodeSettings,
  encodeSettings,
  noSettings,
  noSettingsRecord,
  rolledBack,
  type Settings,
  type SettingsRecord,
  tried,
  withAlarm,
} from "../../../lib/store/settings.js";
import { equal, test } from "../../device/harness.js";

const one: Settings = {
  intervalSeconds: 60.5,
  sendEvery: 4,
  alarms: [
    { name: "temperature", above: 30, below: null },
    { name: "frost", above: null, below: -0.5 },
    { name: "gone", above: null, below: null },
  ],
};
const two: Settings = { ...noSettings, intervalSeconds: 900 };

test("settings are read back as they were written", () => {
  for (const trial of ["none", "on-trial", "rolled-back"] as const) {
    const record: SettingsRecord = { current: one, previous: two, trial };
    equal(decodeSettings(encodeSettings(record)), record);
  }
});

test("no entry, or one that is not intact, is the profile's settings", () => {
  equal(decodeSettings(undefined), noSettingsRecord);
  const data = encodeSettings({ current: one, previous: two, trial: "on-trial" });
  for (let length = 0; length < data.length; length++)
    equal(decodeSettings(data.subarray(0, length)), noSettingsRecord, `${length} bytes`);
  for (let at = 0; at < data.length; at++) {
    const changed = data.slice();
    changed[at]! ^= 0x10;
    equal(decodeSettings(changed), noSettingsRecord, `byte ${at}`);
  }
});

test("a checksum alone does not make settings", () => {
  const list = [null, null, []];
  for (const content of [
    encode([list, list]),
    encode([list, list, 3]),
    encode([list, [null, null], 0]),
    encode([list, ["1", null, []], 0]),
    encode([list, [null, true, []], 0]),
    encode([[null, null, [["a", 1]]], list, 0]),
    encode([[null, null, [[1, 1, 1]]], list, 0]),
    encode([[null, null, [["a", "1", 1]]], list, 0]),
  ]) {
    const data = new Uint8Array(content.length + 4);
    data.set(content);
    new DataView(data.buffer).setUint32(content.length, crc32(content));
    equal(decodeSettings(data), noSettingsRecord);
  }
});

test("what served last is kept, however many settings come in one trial, and comes back", () => {
  const served = confirmed(tried(noSettingsRecord, two));
  equal(served, { current: two, previous: two, trial: "none" });
  const trial = tried(tried(served, one), { ...one, sendEvery: 9 });
  equal(trial, { current: { ...one, sendEvery: 9 }, previous: two, trial: "on-trial" });
  equal(rolledBack(trial), { current: two, previous: two, trial: "rolled-back" });
  equal(tried(rolledBack(trial), one), { current: one, previous: two, trial: "on-trial" });
});

test("an alarm takes the place of the one of its name", () => {
  const next = withAlarm(one, { name: "frost", above: null, below: -2 });
  equal(
    next.alarms.map(({ name, below }) => `${name} ${below}`),
    ["temperature null", "gone null", "frost -2"],
  );
});
