/**
 * The ten seconds after power-on: when the button erases a board, and when it does nothing; that the window puts off no wake;
 * and how long a board without identity waits. The clock is the virtual one, the button the world's.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { Board } from "../../bench/powercut/board.js";
import { CampaignBroker } from "../../bench/powercut/broker.js";
import type { BootCause, BootEnd } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import type { FlashEntry } from "../../host-sim/flash.js";
import { Station } from "../../host-sim/world/access-point.js";
import { answer, quietWorld } from "../../host-sim/world/network.js";
import { Prng } from "../../host-sim/world/prng.js";
import { flashKeys } from "../../lib/store/flash-entries.js";
import { network, provisionedFlash } from "./image.js";

const intervalMs = 900_000;
const helplessMs = 3_600_000;
/** Of an ESP32. */
const buttonPin = 0;

describe("after power-on", () => {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-window-"));
  const log: string[] = [];
  const random = new Prng(1);
  const station = new Station();
  const broker = new CampaignBroker(() => {});
  let board: Board;
  let atMs = Date.UTC(2026, 10, 22);
  /** Questions to the world that are never answered. */
  let silent: readonly string[] = [];
  /** What lies in flash at the next boot, when that is not what the last one left. */
  let flash: FlashEntry[] | undefined;

  before(async () => {
    await broker.start();
    board = await Board.start("esp32", { engine: await engineFile("release"), folder, replaced: new Map() });
    const world = quietWorld(network, {});
    board.events = {
      log: (line) => void log.push(line),
      ask: async (kind, detail, at) =>
        silent.includes(kind)
          ? { text: null, advanceMs: 0 }
          : answer(world, random, kind, detail, at, station),
    };
  });
  after(async () => {
    await board.stop();
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    silent = [];
    broker.forget();
    board.device.pin(buttonPin, "free");
    flash = image();
  });

  const image = (seconds = intervalMs / 1000) => provisionedFlash(broker.port, seconds);

  interface Boot extends BootEnd {
    readonly awakeMs: number;
    /** Undefined: it did not. */
    readonly attendMs: number | undefined;
  }

  async function boot(cause: BootCause = "power-on"): Promise<Boot> {
    log.length = 0;
    if (flash) board.writeFlash(flash);
    flash = undefined;
    broker.begin({});
    const startMs = atMs;
    const end = await board.boot(cause, startMs);
    await broker.settled();
    atMs = end.wakesAt;
    const attended = log.map((line) => /"attend","ms":(\d+)/.exec(line)?.[1]).find((ms) => ms !== undefined);
    return {
      ...end,
      awakeMs: end.at - startMs,
      attendMs: attended === undefined ? undefined : Number(attended),
    };
  }

  /** The button goes down so long after the boot begins, and up again. */
  function press(fromMs: number, toMs?: number): void {
    board.device.pin(buttonPin, "low", fromMs);
    if (toMs !== undefined) board.device.pin(buttonPin, "high", toMs);
  }

  const keys = () => board.readFlash().map(({ key }) => key);
  /** Which secrets it has had it remembers, and knows none of them by it. */
  const isErased = () => keys().every((key) => key === flashKeys.formerIds);
  const isWhole = () => keys().includes(flashKeys.record) && keys().includes(flashKeys.profile);

  test("the board stays up for ten seconds, and its next wake comes when it would have come", async () => {
    const startMs = atMs;
    const end = await boot();
    assert.equal(end.reason, "sleep");
    assert.ok(end.awakeMs >= 10_000 && end.awakeMs < 10_100, `${end.awakeMs}`);
    assert.ok(end.attendMs! > 5000 && end.attendMs! < 10_000, `${end.attendMs}`);
    // The interval is counted from the firmware's first line.
    assert.ok(Math.abs(end.wakesAt - startMs - intervalMs) < 100, `${end.wakesAt - startMs}`);
    assert.ok(isWhole());
  });

  test("an interval shorter than that is over when the board has slept", async () => {
    flash = image(3);
    const end = await boot();
    assert.equal(Math.round(end.sleepMs / 100), 10);
    assert.equal(Math.round((end.at + end.sleepMs - end.wakesAt) / 100), 0);
    const next = await boot("deep-sleep");
    assert.equal(next.attendMs, undefined);
    assert.ok(!log.some((line) => line.includes('"gap"')), "RTC memory was kept");
  });

  for (const cause of ["deep-sleep", "gpio", "brown-out", "watchdog", "abort", "software"] as const)
    test(`there is no window after ${cause}`, async () => {
      await boot();
      press(100, 9000);
      const end = await boot(cause);
      assert.equal(end.reason, "sleep");
      assert.equal(end.attendMs, undefined);
      assert.ok(end.awakeMs < 5000, `${end.awakeMs}`);
      assert.ok(isWhole());
    });

  test("the button held for 5 s erases all, and the board restarts", async () => {
    press(4000, 9050);
    const end = await boot();
    assert.equal(end.reason, "restart");
    assert.ok(end.awakeMs >= 9000 && end.awakeMs < 9100, `${end.awakeMs}`);
    assert.ok(isErased(), `${keys()}`);
    assert.ok(
      (await board.readRtc()).every((byte) => byte === 0),
      "RTC memory too",
    );
  });

  test("let go after 4.9 s it does nothing", async () => {
    press(4000, 8900);
    const end = await boot();
    assert.equal(end.reason, "sleep");
    assert.ok(isWhole());
  });

  test("pressed after 6 s it does nothing", async () => {
    press(6000, 11_000);
    const end = await boot();
    assert.equal(end.reason, "sleep");
    assert.ok(end.awakeMs < 10_100, "nor does it keep the board awake");
    assert.ok(isWhole());
  });

  test("nor pressed twice, for 5 s in all", async () => {
    press(1000, 3000);
    press(4000, 7500);
    assert.equal((await boot()).reason, "sleep");
    assert.ok(isWhole());
  });

  test("held beyond the window beside a wake that lasts it does nothing", async () => {
    flash = provisionedFlash(broker.port, 900, { host: "broker.test" });
    silent = ["sntp", "dns"];
    press(5100, 12_000);
    const end = await boot();
    assert.equal(end.reason, "sleep");
    assert.ok(end.awakeMs > 10_200 && end.attendMs === undefined, `${end.awakeMs}`);
    assert.ok(isWhole());
  });

  test("low at boot it does nothing, until it was up once", async () => {
    board.device.pin(buttonPin, "low");
    assert.equal((await boot()).reason, "sleep");
    assert.ok(isWhole());
    board.device.pin(buttonPin, "low");
    board.device.pin(buttonPin, "high", 1500);
    press(3000);
    assert.equal((await boot()).reason, "restart");
    assert.ok(isErased());
  });

  test("it works beside a wake that finds no access point", async () => {
    silent = ["wifi"];
    press(1000);
    const end = await boot();
    assert.equal(end.reason, "restart");
    assert.ok(end.awakeMs < 6100, `${end.awakeMs}`);
    assert.ok(isErased());
  });

  test("wherever the power fails while it erases, the board is as before, or unprovisioned", async () => {
    silent = ["wifi"];
    let cuts = 0;
    let before = 0;
    for (let effect = 1; ; effect++) {
      flash = image();
      board.device.pin(buttonPin, "free");
      press(1000);
      board.device.failPower({ cutAtEffect: effect });
      const end = await boot();
      if (end.reason !== "power-cut") break;
      board.device.pin(buttonPin, "high");
      if (isWhole()) {
        before++;
        assert.equal((await boot()).reason, "sleep");
        assert.ok(!log.some((line) => line.includes("unprovisioned")));
        continue;
      }
      cuts++;
      assert.ok(!keys().includes(flashKeys.record), `${keys()}`);
      await boot();
      assert.ok(log.some((line) => line.includes('"unprovisioned"')));
    }
    // At least the profile, the password, RTC memory.
    assert.ok(before >= 1 && cuts >= 3, `${before}, ${cuts}`);
  });

  describe("without an identity", () => {
    beforeEach(() => {
      flash = image().filter(({ key }) => key !== flashKeys.record);
    });

    for (const cause of ["power-on", "software", "abort", "watchdog"] as const)
      test(`a board waits for ten minutes after ${cause}, then it sleeps for an hour`, async () => {
        const end = await boot(cause);
        assert.equal(end.reason, "sleep");
        assert.equal(Math.round(end.awakeMs / 100), 6000);
        assert.equal(end.sleepMs, helplessMs);
      });

    for (const cause of ["deep-sleep", "brown-out"] as const)
      test(`it sleeps at once after ${cause}`, async () => {
        const end = await boot(cause);
        assert.ok(end.awakeMs < 1000, `${end.awakeMs}`);
        assert.equal(end.sleepMs, helplessMs);
      });
  });

  test("a board whose profile cannot be read sleeps, and its button works", async () => {
    const torn = () =>
      image().map((entry) => (entry.key === flashKeys.profile ? { ...entry, value: "{" } : entry));
    flash = torn() as FlashEntry[];
    const end = await boot();
    assert.equal(end.reason, "sleep");
    assert.ok(end.awakeMs >= 10_000 && end.awakeMs < 10_100, `${end.awakeMs}`);
    assert.ok(Math.abs(end.sleepMs + end.awakeMs - helplessMs) < 100);
    flash = torn() as FlashEntry[];
    press(1000);
    assert.equal((await boot()).reason, "restart");
    assert.ok(isErased());
  });
});
