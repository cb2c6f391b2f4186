/** What a device's clock is worth to it when a command comes. */
import { deepEqual } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { decode } from "../../lib/cbor/decode.js";
import { encode } from "../../lib/cbor/encode.js";
import { CommandScene } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { withSection } from "./rtc-image.js";

const skip = mosquittoMissing() ?? false;
const timeType = 2;

/** RTC memory in which the time comes from elsewhere: by its number in lib/store/rtc-time.ts. */
function withSource(rtc: Uint8Array, source: number): Uint8Array {
  return withSection(rtc, timeType, (section) => {
    const parts = decode(section) as number[];
    parts[2] = source;
    // No server is asked in between.
    parts[5] = 86_400_000;
    return encode(parts);
  });
}

describe("a command without a challenge", { skip, timeout: 60_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  for (const [name, source] of [
    ["SNTP", 0],
    ["SNTP, twice the same", 2],
  ] as const)
    test(`by a clock that was set by ${name} is answered with one`, async (t) => {
      const scene = await CommandScene.open(broker, `c-${source}`);
      t.after(() => scene.close());
      const { errors } = await scene.wakes({
        cycles: 2,
        disturbance: scene.pauses(async ({ rtc }) => {
          await scene.send({ counter: 0, challenge: null });
          return { rtc: withSource(rtc, source) };
        }),
      });
      deepEqual(errors, []);
      deepEqual(
        scene.results.map(({ status, challenge }) => [status, challenge === null]),
        [["challenge", false]],
      );
    });

  test("is acted on once a command with one has settled the time, for a week", async (t) => {
    const scene = await CommandScene.open(broker, "c-settled");
    t.after(() => scene.close());
    const { errors } = await scene.wakes({
      cycles: 5,
      // The device's clock runs ahead of the sender's, who has no virtual one.
      edit: (profile) => ({ ...profile, cycle: { ...profile.cycle, intervalSeconds: 30 } }),
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        () => scene.send({ counter: 1 }),
        async () => {
          await scene.send({ counter: 2, challenge: null });
          await scene.send({ counter: 3, challenge: null, issuedAt: Math.floor(Date.now() / 1000) + 86_400 });
        },
        () => scene.send({ counter: 4, challenge: null }),
      ),
    });
    deepEqual(errors, []);
    deepEqual(
      scene.results.map(({ status, challenge }) => [status, challenge === null]),
      [
        ["challenge", false],
        ["done", true],
        ["done", true],
        ["expired", true],
        ["done", true],
      ],
    );
  });

  for (const [wakes, settled] of [
    [1, true],
    [3, false],
  ] as const)
    test(`a command that was ${settled ? "half an hour" : "an hour and a half"} on its way from the challenge ${settled ? "settles the time" : "is acted on, and settles nothing"}`, async (t) => {
      const scene = await CommandScene.open(broker, `c-delay-${wakes}`);
      t.after(() => scene.close());
      const halfHour = 1800;
      const startedAt = Math.floor(Date.now() / 1000);
      const { errors } = await scene.wakes({
        cycles: wakes + 3,
        edit: (profile) => ({ ...profile, cycle: { ...profile.cycle, intervalSeconds: halfHour } }),
        disturbance: scene.pauses(
          () => scene.send({ counter: 0, challenge: null }),
          ...Array<undefined>(wakes - 1).fill(undefined),
          // By its sender's clock it is new; who held the device's challenge back so long is nobody's friend.
          async () => {
            // Two of them: the second finds another challenge published, which is new, and which it does not answer.
            for (const counter of [1, 2])
              await scene.send({ counter, issuedAt: startedAt + (wakes + 1) * halfHour });
          },
          () => scene.send({ counter: 3, challenge: null, issuedAt: startedAt + (wakes + 2) * halfHour }),
        ),
      });
      deepEqual(errors, []);
      deepEqual(
        scene.results.map(({ status }) => status),
        ["challenge", "done", "done", settled ? "done" : "challenge"],
      );
    });
});
