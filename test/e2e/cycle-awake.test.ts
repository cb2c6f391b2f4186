/** A board with mains power: connected between its readings, and back by itself when the connection is lost. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { simOptions } from "../../cli/sim.js";
import { boardNames } from "../../host-sim/board.js";
import type { Disturbance } from "../../host-sim/disturbance.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import type { Profile } from "../../lib/store/profile.js";
import { CommandScene } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";
import { only, run } from "./run.js";

function awake(profile: Profile, intervalSeconds: number): Profile {
  return { ...profile, cycle: { ...profile.cycle, mode: "awake", intervalSeconds } };
}

/** Calls these one after the other, each at the end of a round. */
function atEachEnd(...acts: (() => unknown)[]): (event: RunEvent) => void {
  return ({ event }) => {
    if (event === "idle") acts.shift()?.();
  };
}

describe("at the embedded broker, on the virtual clock", () => {
  async function rounds(cycles: number, more: { board?: string; disturbance?: Disturbance } = {}) {
    const { disturbance, board = "esp32c3" } = more;
    const options = await simOptions({ board, cycles: `${cycles}` });
    const profile = awake(options.profile, 900);
    return run({}, undefined, { ...options, profile, ...(disturbance && { disturbance }) });
  }

  test("one connection carries all readings, each at its time", async () => {
    const { events, summary, tally } = await rounds(12);
    deepEqual([summary.wakes, summary.published, summary.verified, tally.success], [1, 12, 12, true]);
    equal(only(events, "phase").filter(({ name }) => name === "join").length, 1);
    equal(summary.handshakes, 1);
    const sent = only(events, "sent").map(({ at }) => at);
    for (let i = 2; i < sent.length; i++) {
      const apart = sent[i]! - sent[i - 1]!;
      ok(Math.abs(apart - 900_000) < 5000, `${apart} ms after the one before`);
    }
    deepEqual(
      only(events, "reset").map(({ reason }) => reason),
      ["off"],
    );
  });

  for (const board of boardNames)
    test(`${board}: a day of it needs no more memory than a board has`, async () => {
      const { summary, tally, events } = await rounds(96, { board });
      deepEqual(only(events, "error"), []);
      deepEqual([summary.wakes, summary.verified, tally.success], [1, 96, true]);
    });

  test("a connection that is lost while it idles is made again, long before the next reading", async () => {
    const { events, summary } = await rounds(30, {
      disturbance: { link: () => [{ resetOn: '"sequence":2' }] },
    });
    // Each connection that is made from then on is reset too, at its next answer.
    const joins = only(events, "phase").filter(({ name }) => name === "join");
    ok(joins.length >= 3, `${joins.length} connections`);
    deepEqual([summary.wakes, summary.rejected], [1, 0]);
    const lost = joins[1]!.at;
    const before = events.filter(({ event, at }) => event === "idle" && at < lost).at(-1)!.at;
    ok(lost - before < 60_000, `${lost - before} ms later`);
  });

  test("without an access point it tries ever less often, measures on, and sends all that waits when it is back", async () => {
    let readings = 0;
    const options = await simOptions({ board: "esp32", cycles: "1000" });
    const end = new AbortController();
    const { events, summary } = await run(
      {},
      ({ event }) => {
        if (event === "queued") readings++;
        if (event === "acked" && readings > 10) end.abort();
      },
      {
        ...options,
        signal: end.signal,
        profile: awake(options.profile, 900),
        disturbance: {
          network: (quiet) => (readings <= 8 ? { ...quiet, accessPoints: [] } : quiet),
        },
      },
    );
    const tries = only(events, "error").filter(({ kind }) => kind === "network-unavailable");
    // Two seconds, four, eight …: an hour at most, in two hours.
    ok(tries.length >= 8 && tries.length < 60, `${tries.length} tries`);
    const sent = only(events, "sent").reduce((sum, { readings: some = 0 }) => sum + some, 0);
    ok(sent > 10, `${sent} readings sent`);
    equal(summary.rejected, 0);
  });
});

describe("at Mosquitto", { skip: mosquittoMissing() ?? false, timeout: 60_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  async function sceneOf(t: TestContext, id: string) {
    const scene = await CommandScene.open(broker, id);
    t.after(() => scene.close());
    return scene;
  }

  test("a command is acted on and answered at once, hours before the next reading", async (t) => {
    const scene = await sceneOf(t, "a-once");
    const { commands, acts, errors } = await scene.wakes({
      cycles: 4,
      edit: (profile) => awake(profile, 7200),
      onEvent: atEachEnd(
        () => scene.send({ counter: 0, challenge: null }),
        async () => {
          await scene.settled();
          await scene.send({ counter: 1 });
        },
        // Without a challenge: the time is authenticated by now.
        () => scene.send({ counter: 2, challenge: null }),
      ),
    });
    deepEqual(errors, []);
    deepEqual(commands, ["1 ops 0  challenge", "1 ops 1 identify done", "1 ops 2 identify done"]);
    equal(acts, 2);
  });

  /** A run that goes on until a command has come so often. */
  function until(commands: number, acts: (() => unknown)[]) {
    const end = new AbortController();
    const atEnd = atEachEnd(...acts);
    let left = commands;
    return {
      cycles: 1000,
      edit: (profile: Profile) => awake(profile, 7200),
      signal: end.signal,
      onEvent: (event: RunEvent) => {
        atEnd(event);
        if (event.event === "acked" && event.result && --left === 0) end.abort();
      },
    };
  }

  test("more commands than a round takes: the others come with another connection", async (t) => {
    const scene = await sceneOf(t, "a-many");
    const many = 40;
    const { commands } = await scene.wakes(
      until(many, [
        async () => {
          for (let counter = 0; counter < many; counter++) await scene.send({ counter, challenge: null });
        },
      ]),
    );
    equal(new Set(commands).size, many);
  });

  test("a connection that is cut in its first message: it goes out over the next, over which commands come", async (t) => {
    const scene = await sceneOf(t, "a-cut");
    const relay = await Relay.open(t, broker.port);
    relay.breaks = ({ connection, packet }) =>
      connection === 0 && packet.cmd === "publish" ? new Uint8Array(0) : undefined;
    const { onEvent, ...run } = until(1, []);
    const { commands, summary, events } = await scene.wakes({
      ...run,
      port: relay.port,
      onEvent: (event) => {
        onEvent(event);
        if (event.event === "acked" && !event.result) scene.send({ counter: 0, challenge: null });
      },
    });
    deepEqual(commands, ["1 ops 0  challenge"]);
    equal(summary.acked, summary.published);
    equal(only(events, "phase").filter(({ name }) => name === "connect").length, 2);
  });

  test("a broker that restarts while the board idles: it is back by itself", async (t) => {
    const own = new Broker();
    await own.start();
    t.after(() => own.stop());
    const scene = await CommandScene.open(own, "a-restart");
    t.after(() => scene.close());
    let counter = 0;
    let isBack = false;
    // The broker has forgotten the session, and so what came before the device is back.
    const command = () => scene.send({ counter: counter++, challenge: null });
    const restart = async () => {
      await own.kill();
      await own.start();
      await scene.reopen();
      isBack = true;
      await command();
    };
    const { onEvent, ...run } = until(1, [restart]);
    const { commands, errors } = await scene.wakes({
      ...run,
      onEvent: (event) => {
        onEvent(event);
        if (event.event === "idle" && isBack && counter < 9) command();
      },
    });
    ok(commands.length >= 1, commands.join());
    ok(errors.length < 8, errors.join());
  });
});
