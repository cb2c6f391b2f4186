/** Settings by command: in effect from the next wake on, on trial, and back by themselves when the broker is not reached. */
import { deepEqual, equal, match } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CommandSettings } from "../../lib/store/protection.js";
import type { Running } from "../cli/mqtt-command.js";
import { endOf, operatorIn, Shell } from "./built-in-scene.js";
import { CommandScene, type CommandWakes, stamped } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { only } from "./run.js";

/** Seconds from one wake to the next, as the profile of these tests has it. */
const usual = 120;
const often: CommandWakes["edit"] = (profile) => ({
  ...profile,
  cycle: { ...profile.cycle, intervalSeconds: usual },
});

describe("settings", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  /** @param unsigned for a board that has no operator, as it cannot verify signatures */
  async function opened(t: { after(fn: () => unknown): void }, id: string, unsigned?: CommandSettings) {
    const { settings, flags } = operatorIn(broker.folder, id);
    const scene = await CommandScene.open(broker, id, unsigned ?? settings);
    t.after(() => scene.close());
    return { scene, shell: new Shell(broker.folder, id, scene.secret, broker.port, unsigned ? [] : flags) };
  }

  function pausesOf(events: Parameters<typeof only>[0]): number[] {
    // The board's clock is not exact, and it sleeps by what it has learned of that.
    return only(events, "sleep").map(
      ({ ms, awakeMs, attendMs = 0 }) => 10 * Math.round((ms + awakeMs + attendMs) / 10_000),
    );
  }

  function trials(events: Parameters<typeof only>[0]): string[] {
    return only(events, "settings").map(({ wake, status }) => `${wake} ${status}`);
  }

  test("a shorter interval is in effect from the next wake on, a longer one when it has reached the broker", async (t) => {
    const { scene, shell } = await opened(t, "s-interval");
    let running: Running | undefined;
    let longer: Running | undefined;
    const { events, errors } = await scene.wakes({
      cycles: 7,
      edit: often,
      disturbance: scene.pauses(
        async () => {
          running = await shell.send("interval", "60");
        },
        () => Shell.again(running!),
        undefined,
        async () => {
          longer = await shell.send("interval", "600");
        },
      ),
    });
    deepEqual(errors, []);
    equal(await endOf(running!), "0 done");
    equal(await endOf(longer!), "0 done");
    deepEqual(pausesOf(events), [usual, usual, usual, 60, 60, 60, 600]);
    deepEqual(trials(events), ["4 confirmed", "6 confirmed"]);
  });

  test("settings under which the broker is not reached three times in a row come back by themselves, and that is told", async (t) => {
    const { scene, shell } = await opened(t, "s-back");
    let running: Running | undefined;
    const counters: number[] = [];
    const { events, readings } = await scene
      .wakes({
        cycles: 8,
        edit: often,
        disturbance: {
          ...scene.pauses(
            async () => {
              running = await shell.send("interval", "60");
            },
            () => Shell.again(running!),
          ),
          network: (quiet) => quiet,
          link: (wake) => (wake >= 4 && wake <= 6 ? ["refuse"] : []),
        },
      })
      .then((result) => ({
        ...result,
        readings: only(result.events, "received").flatMap(({ reading }) => (reading ? [reading] : [])),
      }));
    equal(await endOf(running!), "0 done");
    for (const { counter } of only(events, "acked")) counters.push(counter);
    deepEqual(trials(events), ["6 rolled-back"]);
    deepEqual(pausesOf(events), [usual, usual, usual, 60, 60, 60, usual, usual]);
    match(JSON.stringify(readings), /:state\.settings","value":"rolled-back"/);
    equal(JSON.stringify(readings).match(/state\.settings/g)?.length, 1, "once");
    deepEqual(
      counters,
      counters.map((_, i) => counters[0]! + i),
      "counters only rise",
    );
  });

  for (const board of ["esp32c3", "esp8266"] as const)
    test(`${board}: a batch is sent every so many readings once the trial is over, and alarms come and go`, async (t) => {
      const { scene, shell } = await opened(t, `s-batch-${board}`, board === "esp8266" ? stamped : undefined);
      const sent: Running[] = [];
      const { events, errors } = await scene.wakes({
        board,
        cycles: 11,
        edit: often,
        disturbance: scene.pauses(
          async () => void sent.push(await shell.send("batch", "3")),
          () => Shell.again(sent[0]!),
          async () => {
            sent.push(await shell.send("alarm", "temperature", "above", "-50"));
            sent.push(await shell.send("alarm", "altitude", "off"));
            sent.push(await shell.send("alarm", "temperature", "above", "1", "below", "2"));
          },
        ),
      });
      deepEqual(errors, []);
      const ends = await Promise.all(sent.map(endOf));
      deepEqual(ends.slice(0, 2), ["0 done", "0 done"]);
      match(ends[2]!, /refused: it has no such alarm/);
      match(ends[3]!, /refused: cycle\.alarms\.0\.below must be smaller than above/);
      deepEqual(trials(events), ["4 confirmed", "5 confirmed"]);
      const readings = only(events, "sent").filter(({ result }) => !result);
      deepEqual([...new Set(readings.map(({ wake }) => wake))], [1, 2, 3, 4, 5, 8, 11]);
    });

  test("settings that the profile could not have are refused, and why is told", async (t) => {
    const { scene, shell } = await opened(t, "s-refused");
    const sent: Running[] = [];
    const { events } = await scene.wakes({
      cycles: 3,
      edit: often,
      disturbance: scene.pauses(
        async () => {
          sent.push(await shell.send("interval", "0.5"));
          sent.push(await shell.send("interval", "700000"));
          sent.push(await shell.send("interval", "often"));
        },
        async () => {
          for (const running of sent) await Shell.again(running);
        },
      ),
    });
    const ends = await Promise.all(sent.map(endOf));
    match(ends[0]!, /1 .*refused: cycle\.intervalSeconds must be a number from 1 to 2592000/);
    match(ends[1]!, /1 .*refused: the broker would forget its commands/);
    match(ends[2]!, /1 .*refused: interval takes one number/);
    deepEqual(trials(events), []);
    deepEqual(pausesOf(events), [usual, usual, usual]);
  });

  test("a board that stays awake restarts to take up its settings, when the answer is out", async (t) => {
    const { scene } = await opened(t, "s-awake", stamped);
    const acts = [
      () => scene.send({ counter: 0, challenge: null }),
      async () => {
        await scene.settled();
        await scene.send({ counter: 1, name: "interval", args: [3600] });
      },
    ];
    const { events, errors } = await scene.wakes({
      cycles: 6,
      edit: (profile) => ({
        ...profile,
        cycle: { ...profile.cycle, mode: "awake", intervalSeconds: 7200 },
      }),
      onEvent: ({ event }) => {
        if (event === "idle") acts.shift()?.();
      },
    });
    deepEqual(errors, []);
    deepEqual(
      scene.results.map(({ counter, status }) => `${counter} ${status}`),
      ["0 challenge", "1 done"],
    );
    deepEqual(
      only(events, "wake").map(({ cause }) => cause),
      ["power-on", "software"],
    );
    deepEqual(trials(events), ["2 confirmed"]);
  });

  test("what is not acted on is counted, and told where the profile asks for that", async (t) => {
    const { scene } = await opened(t, "s-count");
    const nowSeconds = Math.floor(Date.now() / 1000);
    const { events } = await scene.wakes({
      cycles: 4,
      edit: (profile) => ({ ...often!(profile), topics: { ...profile.topics, state: ["refused"] } }),
      disturbance: scene.pauses(
        () => scene.send({ counter: 0, challenge: null }),
        async () => {
          const known = scene.command({ counter: 1 });
          await scene.publish(known);
          await scene.publish(known);
          await scene.send({ counter: 2, name: "fly" });
          await scene.send({ counter: 3, name: "reboot" });
          await scene.send({ counter: 4, issuedAt: nowSeconds - 7200, expiresAt: nowSeconds - 3600 });
          await scene.publish("rubbish");
          await scene.send({ counter: 5, controller: "stranger" });
        },
      ),
    });
    deepEqual(
      scene.results.map(({ counter, status }) => `${counter} ${status}`),
      ["0 challenge", "1 done", "2 unknown", "3 unauthorised", "4 expired"],
    );
    const told = only(events, "received").flatMap(({ reading = [] }) =>
      reading.filter(({ name }) => name.endsWith(":state.refused")).map(({ value }) => value),
    );
    deepEqual(told, [0, 0, 0, 5]);
  });

  test("reboot restarts the board when the answer is out, and once", async (t) => {
    const { scene, shell } = await opened(t, "s-reboot");
    let running: Running | undefined;
    const { events, errors } = await scene.wakes({
      cycles: 5,
      edit: often,
      disturbance: scene.pauses(
        async () => {
          running = await shell.send("reboot");
        },
        () => Shell.again(running!),
      ),
    });
    deepEqual(errors, []);
    equal(await endOf(running!), "0 done");
    deepEqual(
      only(events, "wake").map(({ cause }) => cause),
      ["power-on", "deep-sleep", "deep-sleep", "software", "deep-sleep"],
    );
  });
});
