/** A broker of MQTT 5 that says more than a board could hold at once, beside doing what a device needs. */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import mqttPacket from "mqtt-packet";

/**
 * CONNACK with all of the flood behind it; then PUBACK to each message of the device, SUBACK, PINGRESP.
 * @param onPing what goes before each PINGRESP
 * @param clean gets whether each connection began clean
 */
export async function floodingBroker(
  flood: Uint8Array,
  onPing: Uint8Array = new Uint8Array(0),
  clean: boolean[] = [],
): Promise<Server> {
  const server = createServer((socket) => {
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    parser.on("packet", (packet) => {
      const packetId = packet.messageId ?? 0;
      const high = packetId >> 8;
      if (packet.cmd === "connect") {
        clean.push(packet.clean ?? false);
        socket.write(Buffer.concat([Buffer.from("2003000000", "hex"), flood]));
      }
      if (packet.cmd === "publish") socket.write(Uint8Array.of(0x40, 2, high, packetId));
      if (packet.cmd === "subscribe") socket.write(Uint8Array.of(0x90, 4, high, packetId, 0, 1));
      if (packet.cmd === "pingreq") socket.write(Buffer.concat([onPing, Buffer.from("d000", "hex")]));
    });
    socket.on("data", (data) => parser.parse(data));
    socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}
