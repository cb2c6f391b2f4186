/** What a wake with a command takes of a board, over TLS, in each protection: within bench/budgets.json. */
import { deepEqual, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { commandBudget, meters } from "../../bench/budgets.js";
import { boardManifest } from "../../host-sim/board.js";
import { engineBits } from "../../host-sim/engine-file.js";
import type { CommandSettings } from "../../lib/store/protection.js";
import { CommandScene, operator, p256, type Sent, stamped } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";
import { only } from "./run.js";
import { Pki } from "./tls-scene.js";

const boards = ["esp32c3", "esp8266"] as const;
const controllers = ["ops", "night-shift-of-the-burrow", "third-of-them-all", "fourth-of-them-all"];
const sealed: CommandSettings = { protection: "seal", algorithm: "chacha20-poly1305", controllers };
const plant = operator();
const long = { name: "n".repeat(32), args: ["x".repeat(120), 1, 2.5, true] };

const cases: readonly [string, CommandSettings, Partial<Sent>][] = [
  ["a short stamped one", stamped, {}],
  ["a long stamped one, among four controllers", { ...stamped, controllers }, long],
  ["a setting", stamped, { name: "alarm", args: ["temperature", "above", 30.5, "below", -5] }],
  ["a long sealed one, among four controllers", sealed, long],
  ["one with the operator's signature", { ...stamped, operator: plant.settings }, { operator: plant.key }],
  [
    "a long sealed one with the operator's signature",
    { ...sealed, algorithm: "a256gcm", operator: plant.settings },
    { ...long, operator: plant.key },
  ],
];

describe("a wake with a command", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const broker = new Broker();
  let pki: Pki;
  let ca: string;
  before(async () => {
    await broker.start();
    pki = await Pki.create();
    ca = join(pki.folder, "ca-of-the-broker.pem");
    writeFileSync(ca, pki.root.pem);
  });
  after(async () => {
    pki.remove();
    await broker.stop();
  });

  for (const board of boards)
    for (const [i, [what, settings, sent]] of cases.entries()) {
      // An ESP8266 has no P-256.
      if (board === "esp8266" && settings.operator) continue;
      test(`${board}: ${what}`, async (t) => {
        const scene = await CommandScene.open(broker, `m-${board}-${i}`, settings);
        t.after(() => scene.close());
        const relay = await Relay.open(t, broker.port, 5, pki);
        const send = (counter: number, more: Partial<Sent> = {}) => scene.send({ ...sent, counter, ...more });
        const { errors, summary } = await scene.wakes({
          board,
          cycles: 4,
          port: relay.port,
          ca,
          measure: true,
          disturbance: scene.pauses(
            () => send(0, { challenge: null }),
            () => send(1),
            () => send(2),
          ),
        });
        deepEqual(errors, []);
        const status = sent.name === long.name ? "unknown" : "done";
        deepEqual(
          scene.results.map((result) => result.status),
          ["challenge", status, status],
        );
        const bits = await engineBits();
        const over = meters.filter((meter) => summary.heap[meter] > commandBudget(board, meter, bits));
        deepEqual(over, [], JSON.stringify(summary.heap));
      });
    }

  for (const board of boards)
    test(`${board}: after an outage, with all that waits and long names`, async (t) => {
      const scene = await CommandScene.open(broker, `6f1c2c1e-8a44-4a0e-9a43-${board}`, sealed);
      t.after(() => scene.close());
      const relay = await Relay.open(t, broker.port, 5, pki);
      const down = 10;
      let slept = 0;
      const { errors, tally } = await scene.wakes({
        board,
        cycles: down + 4,
        port: relay.port,
        ca,
        onEvent: ({ event }) => {
          if (event === "sleep") slept++;
        },
        edit: (profile) => ({
          ...profile,
          mqtt: { ...profile.mqtt, will: { afterSeconds: 0, retain: true } },
          broker: { ...profile.broker, clientIdPrefix: "c".repeat(40), username: "u".repeat(60) },
        }),
        disturbance: {
          network: (quiet) => (slept > 0 && slept <= down ? { ...quiet, accessPoints: [] } : quiet),
          ...scene.pauses(
            () => scene.send({ ...long, counter: 0, challenge: null }),
            ...Array<undefined>(down).fill(undefined),
            () => scene.send({ ...long, counter: 1 }),
            () => scene.send({ ...long, counter: 2 }),
          ),
        },
      });
      deepEqual(
        errors.filter((error) => !error.endsWith("network-unavailable")),
        [],
      );
      deepEqual(
        scene.results.map(({ status }) => status),
        ["challenge", "unknown", "unknown"],
      );
      ok(tally.success);
    });

  const recipient = p256();
  const own = p256();
  const sealedTo = { protection: "sealTo", recipientKid: "plant", recipientKey: recipient.point } as const;
  for (const [up, keys] of [
    [{ protection: "seal", algorithm: "chacha20-poly1305" }, {}],
    [{ protection: "sign" }, { signKey: own.der }],
    [{ ...sealedTo, sign: false }, { recipientKey: recipient.der }],
    [
      { ...sealedTo, sign: true },
      { recipientKey: recipient.der, signKey: own.der },
    ],
  ] as const)
    test(`esp32c3: its answer protected by ${up.protection}${"sign" in up && up.sign ? ", signed" : ""}`, async (t) => {
      const scene = await CommandScene.open(broker, `m-up-${up.protection}-${"sign" in up && up.sign}`);
      t.after(() => scene.close());
      const relay = await Relay.open(t, broker.port, 5, pki);
      const { errors, summary, events } = await scene.wakes({
        cycles: 2,
        port: relay.port,
        ca,
        measure: true,
        up,
        ...keys,
        disturbance: scene.pauses(() => scene.send({ counter: 7, challenge: null })),
      });
      deepEqual(errors, []);
      const answers = only(events, "received").flatMap(({ result, verdict }) =>
        result ? [[verdict, result.counter, result.status]] : [],
      );
      const verdict = "sign" in up && !up.sign ? "unauthenticated" : "fresh";
      deepEqual(answers, [[verdict, 7, "challenge"]]);
      const bits = await engineBits();
      const over = meters.filter((meter) => summary.heap[meter] > commandBudget("esp32c3", meter, bits));
      deepEqual(over, [], JSON.stringify(summary.heap));
    });

  test("a small board's budget fits the memory it has", () => {
    const { static: all, stack } = boardManifest("esp8266").creation;
    const taken = (["slotBytesPeak", "chunkBytesPeak"] as const)
      .map((meter) => commandBudget("esp8266", meter, "32"))
      .reduce((sum, bytes) => sum + bytes, 16 * stack);
    ok(taken <= all, `${taken} of ${all} bytes`);
  });
});
