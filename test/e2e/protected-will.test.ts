/**
 * The will of a device that sends nothing new: its counter is the same at each connection, and under one key a counter
 * must never meet two plaintexts. So the bytes are the same again; where they are random, what they hold is.
 */
import { deepEqual, equal, notDeepEqual, ok } from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, test } from "node:test";
import mqttPacket from "mqtt-packet";
import { type SimFlags, simOptions } from "../../cli/sim.js";
import { type Accepted, type Opened, open } from "../../host-sim/world/opener.js";
import { readSenml } from "../../host-sim/world/senml-reading.js";
import { sealAlgorithms, stampAlgorithms } from "../../lib/store/protection.js";
import { deafBroker } from "./deaf-broker.js";
import { run } from "./run.js";

const secret = new Uint8Array(32).fill(9);
const id = "dormouse-1";
const topic = `sensors/${id}/will`;

interface Connection {
  readonly will: Uint8Array;
  readonly sent: readonly Uint8Array[];
}

/** A broker that hears CONNECT and what comes with it, and never says a word. */
async function silentBroker() {
  const connections: { will: Uint8Array; sent: Uint8Array[] }[] = [];
  const server = createServer((socket) => {
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    parser.on("packet", (packet) => {
      if (packet.cmd === "connect") connections.push({ will: packet.will!.payload as Buffer, sent: [] });
      if (packet.cmd === "publish") connections.at(-1)!.sent.push(packet.payload as Buffer);
    });
    socket.on("data", (data) => parser.parse(data));
    socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  server.unref();
  await once(server, "listening");
  return { connections, server, port: (server.address() as AddressInfo).port };
}

/** Four wakes at that broker, and how to open what was sent there. */
async function wakes(flags: SimFlags, format: "cbor" | "json") {
  const { connections, server, port } = await silentBroker();
  const broker = { broker: `mqtt://localhost:${port}` };
  const options = await simOptions({ board: "esp32c3", cycles: "4", ...flags, ...broker });
  const { profile, secrets, recipientKey } = options;
  const { topics } = profile;
  await run({}, undefined, {
    ...options,
    // The listener has a way of its own, to somebody with manners.
    deviceSecret: secret,
    disturbance: { listenerPort: await deafBroker() },
    profile: {
      ...profile,
      topics: { ...topics, format },
      cycle: { ...profile.cycle, deadlineSeconds: { session: 0.3 }, backoffMaxSeconds: 1 },
      mqtt: { ...profile.mqtt, version: "5", will: { afterSeconds: 0, retain: false } },
    },
  }).finally(() => server.close());
  const { up } = topics;
  const key = (der: Uint8Array) => createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  const accepts: Accepted =
    up.protection === "stamp"
      ? { protection: "stamp", algorithm: stampAlgorithms[up.algorithm], secret }
      : up.protection === "seal"
        ? { protection: "seal", algorithm: sealAlgorithms[up.algorithm], secret }
        : up.protection === "sign"
          ? { protection: "sign", publicKey: createPublicKey(key(secrets.signKey!)) }
          : {
              protection: "sealTo",
              recipientKid: Buffer.from("simulator"),
              privateKey: key(recipientKey!),
              signer: createPublicKey(key(secrets.signKey!)),
            };
  const opened = ({ will }: Connection): Opened => {
    const result = open(will, topic, [{ id, epoch: 0, accepts }]);
    ok(!("refused" in result), JSON.stringify(result));
    return result;
  };
  return { connections: connections as readonly Connection[], opened };
}

process.env.DORMOUSE_TEST_RECIPIENT = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ format: "pem", type: "pkcs8" })
  .toString();

const cases: readonly [SimFlags, boolean][] = [
  [{ protection: "stamp" }, true],
  [{ protection: "seal" }, true],
  [{ protection: "seal", algorithm: "aes-ccm-16-64-128" }, true],
  [{ protection: "sign" }, true],
  [{ protection: "sealTo", sign: true, recipientKey: "env:DORMOUSE_TEST_RECIPIENT" }, false],
];

describe("a will that comes again", { concurrency: true }, () => {
  for (const [flags, fixed] of cases)
    test(`${flags.protection} ${flags.algorithm ?? ""}: a counter that comes again has the same plaintext`, async () => {
      for (const format of ["cbor", "json"] as const) {
        const { connections, opened } = await wakes(flags, format);
        equal(connections.length, 4);
        const [first, ...others] = connections.map(opened);
        // The first message takes the counter of the first will; after that nothing is made any more.
        deepEqual(
          others.map(({ counter }) => counter! - first!.counter!),
          [1, 1, 1],
        );
        for (const { payload, contentType } of [first!, ...others]) {
          deepEqual([contentType, payload], [first!.contentType, first!.payload]);
          deepEqual(
            readSenml(payload, contentType).map(({ name, value }) => [name, value]),
            [[`${id}:gone`, true]],
          );
          equal(contentType, null, "CBOR, whatever the profile says");
        }
        const [, second, third, fourth] = connections.map(({ will }) => will);
        if (fixed) deepEqual([third, fourth], [second, second]);
        else notDeepEqual(third, second);
        deepEqual(others[0]!.identity, others[1]!.identity);
      }
    });
});
