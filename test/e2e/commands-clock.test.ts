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

/** RTC memory in which the time comes from elsewhere: by its number in lib/store/rtc-counter.ts. */
function withSource(rtc: Uint8Array, source: number): Uint8Array {
  return withSection(rtc, timeType, (section) => {
    const [wallMs, setAtMs] = decode(section) as [number, number, number];
    return encode([wallMs, setAtMs, source]);
  });
}

describe("a command without a challenge", { skip, timeout: 60_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  for (const [name, source, given, expected] of [
    ["SNTP", 0, {}, "challenge"],
    ["SNTP, twice the same", 2, {}, "challenge"],
    ["something authenticated", 3, {}, "done"],
    ["something authenticated, and it is from the future", 3, { issuedAt: 86_400 }, "expired"],
  ] as const)
    test(`by a clock that was set by ${name}: ${expected}`, async (t) => {
      const scene = await CommandScene.open(broker, `c-${source}-${expected}`);
      t.after(() => scene.close());
      const nowSeconds = Math.floor(Date.now() / 1000);
      const issuedAt = nowSeconds + ("issuedAt" in given ? given.issuedAt : 0);
      const { errors } = await scene.wakes({
        cycles: 2,
        disturbance: scene.pauses(async ({ rtc }) => {
          await scene.send({ counter: 0, challenge: null, issuedAt });
          return { rtc: withSource(rtc, source) };
        }),
      });
      deepEqual(errors, []);
      deepEqual(
        scene.results.map(({ status, challenge }) => [status, challenge === null]),
        [[expected, source === 3]],
      );
    });
});
