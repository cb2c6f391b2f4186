/** The firmware on its serial port: a board is provisioned within its memory, and a provisioned one gives nothing but answers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { meters, provisioningBudget } from "../../bench/budgets.js";
import { boardNames } from "../../host-sim/board.js";
import { engineBits } from "../../host-sim/engine-file.js";
import { Station } from "../../host-sim/world/access-point.js";
import { answer, quietWorld } from "../../host-sim/world/network.js";
import { Prng } from "../../host-sim/world/prng.js";
import {
  encodeImprovCommand,
  type ImprovCommand,
  type ImprovMessage,
  readImprovMessage,
} from "../../lib/provisioning/improv.js";
import { encodeRequest } from "../../lib/provisioning/messages.js";
import { flashDomain, flashKeys } from "../../lib/store/flash-entries.js";
import { network, provisionedFlash } from "./image.js";
import { SerialBoard, type SerialBoardOptions } from "./serial-board.js";
import { planFor, provisionBy } from "./session.js";

async function withBoard(
  name: (typeof boardNames)[number],
  options: SerialBoardOptions,
  work: (board: SerialBoard) => Promise<void>,
): Promise<void> {
  const board = await SerialBoard.start(name, options);
  try {
    await work(board);
  } finally {
    await board.stop();
  }
}

/** The line is served in real time. */
const quick = {
  scanMs: [10, 20],
  associateMs: [1, 2],
  keyMs: [1, 2],
  dhcpMs: [1, 2],
} as const;

/** A place with one network. */
function placeWith(accessPoint: typeof network): Pick<SerialBoardOptions, "ask"> {
  const world = { ...quietWorld(accessPoint, {}), ...quick };
  const random = new Prng(1);
  const station = new Station();
  return { ask: (kind, detail, atMs) => answer(world, random, kind, detail, atMs, station) };
}

// Each waits for its line more than it computes.
describe("the serial port", { concurrency: true }, () => {
  for (const name of boardNames)
    test(`${name}: an unprovisioned board is provisioned within its memory, and restarts`, () =>
      withBoard(name, { measure: true }, async (board) => {
        const booted = board.boot("power-on");
        const plan = planFor(name);
        const device = await provisionBy(board.connect(), plan);
        assert.deepEqual([device.id, device.epoch], [plan.deviceId, plan.epoch]);
        const end = await booted;
        assert.equal(end.reason, "restart");
        const bits = await engineBits();
        for (const meter of meters) {
          const most = provisioningBudget(name, meter, bits);
          assert.ok(end.heap[meter] <= most, `${meter} ${end.heap[meter]} > budget ${most}`);
        }
        const keys = board.flash.map(({ key }) => key);
        assert.ok(keys.includes(flashKeys.record) && keys.includes(flashKeys.profile), `${keys}`);
      }));

  // Either is more than an ESP8266 can parse.
  for (const [what, value] of [
    ["nested 3,900 deep", "[".repeat(3900)],
    ["of 1,900 numbers", `[${"1,".repeat(1900)}1]`],
  ] as const)
    for (const name of ["esp8266", "esp32"] as const)
      test(`${name}: a profile ${what} that was never committed is not read, after power-on or a fault`, async () => {
        const flash = [{ domain: flashDomain, key: flashKeys.profile, type: "string", value } as const];
        for (const cause of ["power-on", "abort", "watchdog"] as const)
          await withBoard(name, { flash }, async (board) => {
            const booted = board.boot(cause);
            const client = board.connect();
            assert.equal((await client.hello()).state, "unprovisioned", cause);
            await client.request({ kind: "begin", keepWifi: false });
            assert.deepEqual(board.flash, []);
            board.device.off();
            assert.equal((await booted).reason, "off");
          });
      });

  test("Improv: networks are found, one is tried, and stored when it lets the board in", () =>
    withBoard("esp8266", placeWith(network), async (board) => {
      board.boot("power-on").catch(() => {});
      const said: (ImprovMessage | undefined)[] = [];
      const client = board.connect((event) => {
        if (event.kind === "improv") said.push(readImprovMessage(event.packet));
      });
      await client.hello();
      const ask = async (command: ImprovCommand, until: (message: ImprovMessage) => boolean) => {
        said.length = 0;
        board.send(encodeImprovCommand(command));
        for (let waited = 0; !said.some((message) => message && until(message)); waited += 5) {
          assert.ok(waited < 10_000, JSON.stringify(said));
          await wait(5);
        }
        return said;
      };
      const found = await ask({ command: 4 }, (one) => one.kind === "result" && one.strings.length === 0);
      const [first] = found;
      assert.ok(first?.kind === "result");
      assert.deepEqual([first.strings[0], first.strings[2]], [network.ssid, "YES"]);
      assert.deepEqual(board.flash, []);
      await ask({ command: 1, ...network }, (one) => one.kind === "result");
      const stored = board.flash.map(({ key, value }) => [key, value]);
      assert.deepEqual(stored.sort(), [
        [flashKeys.wifiPassword, network.password],
        [flashKeys.wifiSsid, network.ssid],
      ]);
      assert.equal((await client.hello()).wifiSsid, network.ssid);
    }));

  for (const [intervalSeconds, awakeSeconds] of [
    [900, 60],
    [30, 29],
  ] as const)
    test(`a provisioned board answers after its first wake, for a minute more to who has said hello; at ${intervalSeconds} s its next wake is on time`, () => {
      const flash = provisionedFlash(1, intervalSeconds);
      return withBoard("esp32", { flash, ...placeWith({ ...network, ssid: "elsewhere" }) }, async (board) => {
        const booted = board.boot("power-on");
        const client = board.connect();
        const { state, device } = await client.hello();
        assert.deepEqual([state, device?.id], ["locked", "dormouse-1"]);
        for (const request of [{ kind: "begin", keepWifi: false }, { kind: "erase" }] as const)
          await assert.rejects(client.request(request), { kind: "locked" });
        board.device.line("hurry");
        const end = await booted;
        assert.equal(end.reason, "sleep");
        const seconds = end.awakeMs / 1000;
        assert.ok(seconds >= awakeSeconds && seconds < awakeSeconds + 10, `${seconds}`);
        assert.equal(Math.round((end.awakeMs + end.sleepMs) / 1000), intervalSeconds);
        assert.deepEqual(
          board.flash.filter(({ key }) => key === flashKeys.profile),
          flash
            .filter(({ key }) => key === flashKeys.profile)
            .map(({ key, value, type, domain }) => ({ domain, key, type, value })),
        );
      });
    });

  test("a board that stays awake answers beside its rounds", () => {
    const flash = provisionedFlash(1, 900, { mode: "awake" });
    return withBoard("esp8266", { flash, ...placeWith({ ...network, ssid: "elsewhere" }) }, async (board) => {
      const booted = board.boot("power-on");
      assert.equal((await board.connect().hello()).state, "locked");
      board.device.off();
      assert.equal((await booted).reason, "off");
    });
  });

  test("who asks and asks, and hears nothing, does not fill the machine's memory", () =>
    withBoard("esp8266", {}, async (board) => {
      const booted = board.boot("power-on");
      await board.connect().hello();
      board.deafen();
      const many = encodeRequest({ kind: "hello" }, 1);
      for (let sent = 0; sent < 300; sent++) {
        board.send(many);
        if (sent % 4 === 3) await wait(2);
      }
      await wait(200);
      board.device.off();
      assert.equal((await booted).reason, "off");
    }));
});
