/** A broker of MQTT 5 that says more than a board could hold at once, beside doing what a device needs. */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import mqttPacket from "mqtt-packet";

export interface Flooding {
  /** What goes before each PINGRESP. */
  readonly onPing?: Uint8Array;
  /** The code in each SUBACK; QoS 1 by default. */
  readonly suback?: number;
  /** In place of CONNACK and the flood, by connection. */
  readonly greet?: (connection: number) => Uint8Array | undefined;
  /** Gets whether each connection began clean. */
  readonly clean?: boolean[];
}

/** CONNACK with all of the flood behind it; then PUBACK to each message of the device, SUBACK, PINGRESP. */
export async function floodingBroker(flood: Uint8Array, options: Flooding = {}): Promise<Server> {
  const { onPing = new Uint8Array(0), suback = 1, clean = [], greet = () => undefined } = options;
  const server = createServer((socket) => {
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    parser.on("packet", (packet) => {
      const packetId = packet.messageId ?? 0;
      const high = packetId >> 8;
      if (packet.cmd === "connect") {
        const usual = Buffer.concat([Buffer.from("2003000000", "hex"), flood]);
        socket.write(greet(clean.length) ?? usual);
        clean.push(packet.clean ?? false);
      }
      if (packet.cmd === "publish") socket.write(Uint8Array.of(0x40, 2, high, packetId));
      if (packet.cmd === "subscribe") socket.write(Uint8Array.of(0x90, 4, high, packetId, 0, suback));
      if (packet.cmd === "pingreq") socket.write(Buffer.concat([onPing, Buffer.from("d000", "hex")]));
    });
    socket.on("data", (data) => parser.parse(data));
    socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}
