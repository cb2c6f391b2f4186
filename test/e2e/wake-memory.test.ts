/** A board's memory when everything is asked of it at once: long names, a token, a will, and a full outbox after an outage. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { boardNames } from "../../host-sim/board.js";
import { only, run } from "./run.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-wake-memory-"));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "key"), randomBytes(24).toString("base64"), { mode: 0o600 });

const will = { afterSeconds: 0, retain: true };
const id = "6f1c2c1e-8a44-4a0e-9a43-1d2f3b5c7d9e";
const jwt = { algorithm: "HS256", key: "file:key", audience: "mqtts://broker.dormouse.test" };
const profiles = {
  "a UUID for a name, a token and a will": {
    device: { id },
    broker: { host: "broker.dormouse.test", clientIdPrefix: "sensors-", jwt },
    mqtt: { version: "3.1.1", will },
  },
  "a lasting session, a derived password, names of 60 and 100 characters": {
    device: { id: "dormouse-1" },
    broker: {
      host: "broker.dormouse.test",
      clientIdPrefix: "c".repeat(60),
      username: "u".repeat(100),
      password: "derived",
    },
    mqtt: { version: "3.1.1", sessionExpirySeconds: 86_400, will },
    topics: { base: "b".repeat(80) },
  },
};

describe("the first wakes after an outage", () => {
  for (const board of boardNames)
    for (const [what, written] of Object.entries(profiles))
      test(`${board}: ${what}`, async () => {
        const path = join(folder, `${board}.json`);
        writeFileSync(path, JSON.stringify({ schema: 1, wifi: { ssid: "burrow" }, ...written }));
        const down = 12;
        // The back-off's longest pause is four intervals.
        const wakes = 1 + down + 4;
        let slept = 0;
        const { events, summary } = await run(
          { board, cycles: `${wakes}`, profile: path },
          (event) => {
            if (event.event === "sleep") slept++;
          },
          {
            disturbance: {
              network: (quiet) => (slept > 0 && slept <= down ? { ...quiet, accessPoints: [] } : quiet),
            },
          },
        );
        const errors = only(events, "error").map(({ kind }) => kind);
        assert.deepEqual(errors, Array(errors.length).fill("network-unavailable"));
        assert.ok(errors.length >= 4 && errors.length < down, `tried ${errors.length} times`);
        const back = only(events, "acked").find(({ wake }) => wake > 1)?.wake ?? 0;
        assert.ok(back > down + 1 && back <= wakes, `sent again in wake ${back}`);
        const readings = only(events, "received").flatMap(({ reading }) => reading ?? []);
        const delivered = readings.filter(({ name }) => name.endsWith("temperature")).length;
        const dropped = only(events, "dropped").reduce((sum, { readings }) => sum + readings, 0);
        assert.equal(delivered + dropped, wakes, "what RTC memory has no room for waits in flash");
        // The kilobyte of flash for readings is full after fifteen wakes or so, and the oldest segment of three goes.
        assert.ok(dropped <= (board === "esp8266" ? 3 : 0), `${dropped} dropped`);
        assert.equal(summary.rejected, 0);
      });
});
