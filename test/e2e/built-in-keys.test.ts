/** A new secret by command: what it takes with it, what it shuts out, and a power cut in the midst of it. */
import { deepEqual, equal, match } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { connectAsync } from "mqtt";
import { readKeyring } from "../../backend/keyring.js";
import { Receiver } from "../../backend/receiver.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import type { Memories } from "../../host-sim/disturbance.js";
import type { Running } from "../cli/mqtt-command.js";
import { endOf, operatorIn, Shell } from "./built-in-scene.js";
import { CommandScene, type CommandWakes } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";

const often: CommandWakes["edit"] = (profile) => ({
  ...profile,
  cycle: { ...profile.cycle, intervalSeconds: 60 },
});

/** Judged here, and not by the scene, which knows one secret. */
const up = { protection: "stamp", algorithm: "hmac-256" } as const;

describe("keys", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  async function opened(t: { after(fn: () => unknown): void }, id: string) {
    const { settings, flags } = operatorIn(broker.folder, id);
    const scene = await CommandScene.open(broker, id, settings);
    const shell = new Shell(broker.folder, id, scene.secret, broker.port, flags);
    const seen: { topic: string; payload: Buffer }[] = [];
    const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
    client.on("message", (topic, payload) => seen.push({ topic, payload }));
    await client.subscribeAsync(`sensors/${id}/#`, { qos: 1 });
    t.after(async () => {
      await client.endAsync();
      await scene.close();
    });
    return { scene, shell, seen };
  }

  /** What a receiver with the keyring says of all that came: epoch and verdict. */
  async function received(
    shell: Shell,
    seen: readonly { topic: string; payload: Buffer }[],
  ): Promise<string[]> {
    const keyring = readKeyring(shell.keyring);
    const replay = new SqliteReplayStore(":memory:");
    const receiver = new Receiver({ keyring, replay });
    const verdicts: string[] = [];
    for (const { topic, payload } of seen) {
      if (topic.endsWith("/command")) continue;
      const { verdict, epoch, counter } = await receiver.receive(topic, payload);
      verdicts.push(`${verdict} ${epoch} ${counter}`);
    }
    receiver.close();
    await replay.close();
    return verdicts;
  }

  /** With this many under the old keys first, and no counter left out or used twice. */
  function inOrder(verdicts: readonly string[], old: number): string[] {
    const first = Number(verdicts[0]?.split(" ")[2]);
    return verdicts.map((_, i) => `fresh ${i < old ? 0 : 1} ${first + i}`);
  }

  test("the answer is under the old keys, all that follows under the new ones, and counters go on", async (t) => {
    const { scene, shell, seen } = await opened(t, "k-new");
    const [, epoch = "", salt = ""] = shell.rekey();
    const before = readFileSync(shell.keyring, "utf8");
    let rekeying: Running | undefined;
    let after: Running | undefined;
    let again: Running | undefined;
    let behind: Running | undefined;
    let old: Uint8Array;
    let oldSigned: Uint8Array | undefined;
    const { commands, errors, acts } = await scene
      .wakes({
        cycles: 6,
        up,
        edit: often,
        disturbance: scene.pauses(
          async () => {
            rekeying = await shell.send("keys", epoch, salt);
          },
          async () => {
            await Shell.again(rekeying!);
            // In one wake with it, and under the keys of before: too late.
            behind = await shell.send("identify", "--epoch", "0");
          },
          async () => {
            oldSigned = seen.filter(({ topic }) => topic.endsWith("/command")).at(-2)?.payload;
            after = await shell.send("identify");
            again = await shell.send("keys", epoch, salt, "--epoch", epoch);
          },
          async () => {
            // Under the old keys, by who has them: new counters, and what was taken already.
            old = scene.command({ counter: 2 ** 39, challenge: null });
            await scene.publish(old);
            await scene.publish(oldSigned!);
            await scene.publish(seen.find(({ topic }) => topic.endsWith("/command"))!.payload);
          },
        ),
      })
      .catch((error) => {
        throw error;
      });
    equal(await endOf(rekeying!), "0 done: 1");
    equal(await endOf(after!), "0 done: true");
    match(await endOf(again!), /^1 .*refused: its keys have epoch 1 already/);
    behind!.process.kill("SIGKILL");
    equal(acts, 1, "nothing was done under the old keys");
    deepEqual(errors, []);
    equal(commands.filter((line) => line.startsWith("5 ")).length, 0, "nor answered");
    equal(readFileSync(shell.keyring, "utf8"), before);
    const verdicts = await received(shell, seen);
    // Readings of wakes 1 and 2, the challenge, readings of wake 3 and the answer; then three readings and two answers.
    equal(verdicts.length, 10);
    deepEqual(verdicts, inOrder(verdicts, 5));
  });

  test("a power cut between the new record and RTC memory loses neither counter nor challenge", async (t) => {
    const { scene, shell, seen } = await opened(t, "k-cut");
    const [, epoch = "", salt = ""] = shell.rekey();
    let rekeying: Running | undefined;
    let after: Running | undefined;
    const kept: Memories[] = [];
    const { errors, commands } = await scene.wakes({
      cycles: 6,
      up,
      edit: often,
      disturbance: {
        ...scene.pauses(
          async () => {
            rekeying = await shell.send("keys", epoch, salt);
          },
          () => Shell.again(rekeying!),
          (memories) => void kept.push(memories),
          async () => {
            after = await shell.send("identify");
          },
        ),
        power: (wake) => (wake === 3 ? { brownOutOn: '"event":"keys"' } : undefined),
      },
    });
    const record = kept[0]!.flash.find(({ key }) => key === "record")!.value as Uint8Array;
    deepEqual([record[2], record[7]], [2, 1], "flash has the new secret");
    deepEqual(
      errors.filter((line) => !line.includes("brown-out")),
      [],
    );
    equal(await endOf(after!), "0 done: true");
    equal(
      commands.filter((line) => line.includes(" keys ")).length,
      0,
      "it is not done again, and not answered",
    );
    rekeying!.process.kill("SIGKILL");
    const verdicts = await received(shell, seen);
    deepEqual(verdicts, inOrder(verdicts, 4));
  });
});
