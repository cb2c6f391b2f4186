/**
 * `node controller-worker.js PORT KEYRING COUNTERS SENDER DEVICE FROM COUNT`: a backend with MQTT.js. Sends COUNT
 * commands `echo N`, eight at a time, and prints what was answered to each.
 */
import mqtt from "mqtt";
import { Controller, type PreparedCommand } from "../../backend/controller.js";
import { Counters } from "../../backend/counters.js";
import { readKeyring } from "../../backend/keyring.js";
import { Receiver } from "../../backend/receiver.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";

const [port, keyringPath, countersPath, sender, device, from, count] = process.argv.slice(2) as string[];
const keyring = readKeyring(keyringPath!);
const counters = new Counters(countersPath!);
const replay = new SqliteReplayStore(":memory:");
const receiver = new Receiver({ keyring, replay });
const controller = new Controller({ sender: sender!, keyring, counters });
const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 });

let next = Number(from);
const end = next + Number(count);
let awaited = Number(count);

const publish = ({ topic, payload }: PreparedCommand) =>
  client.publishAsync(topic, Buffer.from(payload), { qos: 1 });

async function sendNext(): Promise<void> {
  if (next < end) await publish(await controller.prepare(device!, "echo", [next++]));
}

client.on("message", (topic, payload) => {
  void (async () => {
    const answer = await controller.matchResult(await receiver.receive(topic, new Uint8Array(payload)));
    if (!answer) return;
    if (answer.again) return void (await publish(answer.again));
    console.log(JSON.stringify([answer.command.args[0], answer.status, answer.value]));
    awaited--;
    if (awaited === 0) await client.endAsync();
    else await sendNext();
  })();
});
await client.subscribeAsync(`sensors/${device}/result`, { qos: 1 });
for (let i = 0; i < 8; i++) await sendNext();
client.on("close", async () => {
  receiver.close();
  counters.close();
  await replay.close();
});
