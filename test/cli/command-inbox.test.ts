/** What `dormouse command` does with a broker that sends it more than one answer. */
import { deepEqual, equal } from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import mqttPacket, { type Packet } from "mqtt-packet";
import { CommandDevice } from "./command-device.js";
import { startDormouse } from "./mqtt-command.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-command-inbox-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const secret = "5a".repeat(32);
const device = new CommandDevice({ port: 0, id: "d", secret, controllers: ["office"] });
// The broker here brings them.
device.alter = () => [];
const keyring = join(folder, "office.keyring");
const topics = { [`${device.base}/result`]: "stamp" };
writeFileSync(keyring, JSON.stringify({ schema: 1, keys: [{ device: "d", epoch: 0, secret, topics }] }), {
  mode: 0o600,
});

test("an answer is acknowledged when it was looked at, and what came behind the last is not", {
  timeout: 60_000,
}, async () => {
  const acknowledged: (number | undefined)[] = [];
  const answerTo = (socket: Socket, packet: Packet) => {
    const send = (...packets: Packet[]) =>
      socket.write(Buffer.concat(packets.map((one) => mqttPacket.generate(one, { protocolVersion: 5 }))));
    if (packet.cmd === "connect") socket.write(Buffer.from([0x20, 3, 0, 0, 0]));
    if (packet.cmd === "subscribe") send({ cmd: "suback", messageId: packet.messageId!, granted: [1] });
    if (packet.cmd === "puback") acknowledged.push(packet.messageId);
    if (packet.cmd !== "publish") return;
    send({ cmd: "puback", messageId: packet.messageId!, reasonCode: 0 });
    device.take({ topic: packet.topic, payload: packet.payload as Buffer, retain: false });
    const of = { cmd: "publish", qos: 1, dup: false, retain: false, topic: `${device.base}/result` } as const;
    const answer = Buffer.from(device.results[0]!);
    send(
      { ...of, messageId: 1, payload: Buffer.from("rubbish") },
      { ...of, messageId: 2, payload: answer },
      { ...of, messageId: 3, payload: answer },
      { ...of, messageId: 4, payload: answer },
    );
  };
  const server = createServer((socket) => {
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    parser.on("packet", (packet) => answerTo(socket, packet));
    socket.on("data", (bytes) => parser.parse(bytes)).on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const words = ["command", "d", "echo", "1", "--wait", "20s", "--keyring", keyring, "--sender", "office"];
  const { code, stdout, stderr } = await startDormouse([...words, "-p", `${port}`], { input: "" }).ended;
  server.close();
  deepEqual([code, stdout], [0, "done: 1\n"], stderr);
  equal(device.acted.length, 1);
  deepEqual(acknowledged, [1, 2]);
});
