/** Several receivers of one group, each a process of its own, with one replay store: each message is written once. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { NodeSession } from "../../cli/mqtt/node-session.js";
import { PostgresServer } from "../backend/postgres-server.js";
import { ReceiverBroker } from "../cli/listen-broker.js";
import type { Running } from "../cli/mqtt-command.js";
import { keyringOf, SealedDevice } from "../cli/sealed-device.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";

const devices = ["dormouse-1", "dormouse-2", "dormouse-3", "dormouse-4"].map((id) => new SealedDevice(id));
const messagesOfEach = 125;
const all = devices.length * messagesOfEach;

/** Resolves when there are as many lines as there are messages, or when one of them has ended. */
async function allWritten(receivers: readonly Running[]): Promise<void> {
  let lines = 0;
  await new Promise<void>((resolve) => {
    for (const { process, ended } of receivers) {
      process.stdout.on("data", (text: string) => {
        lines += text.split("\n").length - 1;
        if (lines >= all) resolve();
      });
      void ended.then(() => resolve());
    }
  });
}

describe("receivers of one group", { skip: mosquittoMissing() ?? false, timeout: 240_000 }, () => {
  const broker = new ReceiverBroker();
  let postgres: PostgresServer;
  let keyring = "";
  before(async () => {
    await broker.start();
    keyring = broker.file(
      "devices.keyring",
      keyringOf(...devices.flatMap((device) => device.entries().slice(0, 1))),
    );
    postgres = await PostgresServer.start();
  });
  after(async () => {
    await postgres.stop();
    await broker.stop();
  });

  /** Four devices' messages in turn, some of them twice. */
  async function publishAll(): Promise<void> {
    const session = new NodeSession({
      endpoint: { host: "127.0.0.1", port: broker.port, tls: null },
      session: { clientId: "devices", maxInFlight: 50 },
    });
    const sent: Promise<unknown>[] = [];
    for (let counter = 1; counter <= messagesOfEach; counter++)
      for (const device of devices) {
        const message = {
          topic: device.topic("readings"),
          payload: device.stamped({ counter }),
          qos: 1,
        } as const;
        sent.push(session.publish(message));
        if (counter % 25 === 0) sent.push(session.publish(message));
      }
    await Promise.all(sent);
    await session.disconnect();
  }

  async function eachOnce(group: string, replay: string, env: NodeJS.ProcessEnv): Promise<void> {
    const words = ["listen", "--keyring", keyring, "--replay", replay, "--group", group];
    const start = (id: string) =>
      broker.receiver([...words, "-c", "--format", "json"], `${group}-${id}`, { env });
    // They subscribe and leave; what comes meanwhile waits for them.
    for (const id of ["a", "b"]) {
      const { process, ended } = await start(id);
      process.kill("SIGTERM");
      equal((await ended).code, 0);
    }
    await publishAll();
    const running = ["a", "b"].map((id) => {
      const again = [...words, "-c", "--format", "json"];
      return broker.again(again, `${group}-${id}`, { env });
    });
    await allWritten(running);
    for (const { process } of running) process.kill("SIGTERM");
    const ran = await Promise.all(running.map(({ ended }) => ended));
    deepEqual(
      ran.map(({ code }) => code),
      [0, 0],
    );
    const written = ran.flatMap(({ stdout }) =>
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { verdict: string; sender: string; counter: number }),
    );
    deepEqual(new Set(written.map(({ verdict }) => verdict)), new Set(["fresh"]));
    equal(written.length, all);
    equal(new Set(written.map(({ sender, counter }) => `${sender} ${counter}`)).size, all);
    // Both have a share of the work.
    for (const { stdout } of ran) equal(stdout.length > 0, true);
    const told = ran.flatMap(({ stderr }) => stderr.split("\n").filter((line) => line !== ""));
    for (const line of told) equal(/^dormouse: duplicate: /.test(line), true, line);
    equal(told.length, devices.length * (messagesOfEach / 25));
  }

  test("with one SQLite file", () => eachOnce("sqlite", join(broker.folder, "shared.replay"), {}));

  test("with one PostgreSQL", () => eachOnce("postgres", "env:REPLAY", { REPLAY: postgres.url }));

  test("a reader that does not read: what it has not got is not acknowledged, and in the end it has all", async () => {
    const [device] = devices;
    const count = 400;
    const since = broker.logLength;
    const words = ["listen", "--keyring", keyring, "--replay", ":memory:", "--format", "json"];
    const { process, ended } = await broker.receiver([...words, "-C", `${count}`], "unread");
    process.stdout.pause();
    const session = new NodeSession({
      endpoint: { host: "127.0.0.1", port: broker.port, tls: null },
      session: { clientId: "writer", maxInFlight: 50, maxPacketBytes: 10_000 },
    });
    const sent: Promise<number>[] = [];
    for (let counter = 1; counter <= count; counter++) {
      const payload = device!.stamped({ counter, records: [{ n: "long", vs: "x".repeat(2000) }] });
      sent.push(session.publish({ topic: device!.topic("readings"), payload, qos: 1 }));
    }
    await Promise.all(sent);
    await session.disconnect();
    const acknowledged = () => broker.logSince(since).split("Received PUBACK from unread").length - 1;
    // A pipe holds 64 kB; some more are in the streams at either end.
    for (let before = -1; before !== acknowledged(); await delay(500)) before = acknowledged();
    ok(acknowledged() < 200, `${acknowledged()} of ${count} acknowledged`);
    process.stdout.resume();
    const { code, stdout } = await ended;
    deepEqual([code, stdout.trim().split("\n").length], [0, count]);
  });

  test("a PostgreSQL that dies and comes back: messages wait for it, and none is lost", async () => {
    const [device] = devices;
    const setting = { env: { REPLAY: postgres.url } };
    const topic = device!.topic("readings");
    const words = ["listen", "--keyring", keyring, "--replay", "env:REPLAY", "--format", "json"];
    const { process, ended } = await broker.receiver([...words, "-C", "4"], "patient", setting);
    const written = new Promise<void>((resolve) => process.stdout.once("data", () => resolve()));
    await broker.publish(topic, device!.stamped({ counter: 5001 }));
    await written;
    await postgres.crash();
    for (const counter of [5002, 5003, 5004]) await broker.publish(topic, device!.stamped({ counter }));
    await delay(500);
    await postgres.run();
    const { code, stdout, stderr } = await ended;
    equal(code, 0, stderr);
    deepEqual(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).counter),
      [5001, 5002, 5003, 5004],
    );
    ok(!stderr.includes(postgres.password));
  });
});
