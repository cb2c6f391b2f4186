/** MQTT over WebSocket: §6 of both standards, with the session and the WebSocket one behind the other. */

import { makeRequest } from "../../../../lib/websocket/request.js";
import { equal, fromHex, hex, ok } from "../../../device/harness.js";
import {
  answerOf,
  goodLines,
  key,
  mask,
  opened,
  options,
  Script as Socket,
  serverFrame,
  text,
} from "../../websocket/script.js";
import { ack, connack, publish } from "./broker-packets.js";
import { Conversation, inBoth } from "./conversation.js";

const binary = 2;

/** The payload of the client's frames, which must be binary, whole and masked. */
function unwrapped(lines: readonly string[]): string {
  return lines
    .map((line) => {
      const frame = fromHex(line.slice("send ".length));
      equal([frame[0], frame[1]! >> 7], [0x82, 1], "a whole binary frame, masked");
      const header = (frame[1]! & 127) === 126 ? 4 : 2;
      const masking = frame.slice(header, header + 4);
      return hex(frame.slice(header + 4).map((byte, i) => byte ^ masking[i % 4]!));
    })
    .join("");
}

/** The session's new bytes go out through the socket, the socket's data into the session. */
function pump(script: Conversation, socket: Socket, frames: readonly Uint8Array[]): void {
  for (const frame of frames) {
    const before = socket.all.length;
    socket.receive(frame);
    for (const line of socket.all.slice(before)) if (line.startsWith("data ")) script.receive(line.slice(5));
  }
}

inBoth("6.0.0-1", "6.0.0-1", "every packet goes out in a binary frame", (version) => {
  const script = new Conversation(version, { keepAliveSeconds: 1 }).start().receive(connack(version));
  script
    .publish({ payload: new Uint8Array(200) }, 1)
    .publish({ qos: 2 }, 2)
    .receive(ack("pubrec", 2));
  script.at(1_000).do({ type: "disconnect" });
  const socket = opened();
  let sent = "";
  for (const effect of script.all)
    if (effect.type === "send") {
      socket.send(effect.bytes);
      sent += hex(effect.bytes);
    }
  equal(unwrapped(socket.all), sent);
});

inBoth("6.0.0-1", "6.0.0-1", "a text frame closes the connection, whatever is in it", (version) => {
  const packet = fromHex(publish(version));
  for (const payload of [packet, fromHex("68656c6c6f"), fromHex("")]) {
    const socket = opened().receive(serverFrame(1, payload));
    ok(!socket.all.some((line) => line.startsWith("data")), "nothing is handed on");
    equal(socket.all.slice(-2), ["failed protocol-error 1003", "closed"]);
    equal(opened().receive(serverFrame(binary, payload)).state.at, "open");
  }
});

inBoth("6.0.0-2", "6.0.0-2", "packets and frames may begin and end anywhere", (version) => {
  const bytes = fromHex(
    connack(version) + publish(version, { qos: 1 }) + publish(version, { qos: 2 }) + ack("pubrel", 1),
  );
  const seen = ["CONNECT", "PUBACK #1", "PUBREC #1", "PUBCOMP #1"];
  for (let size = 1; size <= bytes.length; size++) {
    const frames: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size)
      frames.push(serverFrame(binary, bytes.slice(at, at + size)));
    const script = new Conversation(version).start();
    pump(script, opened(), frames);
    script.sees(...seen);
  }
  // One message of the WebSocket in fragments, cut within a packet.
  const script = new Conversation(version).start();
  const fragments = [serverFrame(binary, bytes.slice(0, 3), false), serverFrame(0, bytes.slice(3))];
  pump(script, opened(), fragments);
  script.sees(...seen);
});

inBoth(
  "6.0.0-3 6.0.0-4",
  "6.0.0-3 6.0.0-4",
  "the client offers mqtt, and takes nothing else for an answer",
  () => {
    const request = text(makeRequest(options).bytes);
    ok(request.includes("\r\nSec-WebSocket-Protocol: mqtt\r\n"), request);
    ok(key.length === 16 && mask.length === 4, "random bytes are the caller's");
    const answer = (...lines: string[]) => {
      const rest = goodLines.filter((line) => !line.startsWith("Sec-WebSocket-Protocol"));
      return new Socket().do({ type: "start" }).receive(answerOf(...rest, ...lines)).state.at;
    };
    equal(answer("Sec-WebSocket-Protocol: mqtt"), "open");
    equal(answer(), "ended");
    for (const other of ["mqttv3.1", "MQTT5", "mqtt2", "mqtt, mqttv3.1", ""])
      equal(answer(`Sec-WebSocket-Protocol: ${other}`), "ended", other);
  },
);
