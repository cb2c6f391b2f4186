/** A broker for a run's listener alone: it grants every subscription and never publishes. It ends with the process. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import mqttPacket from "mqtt-packet";

/** @returns its port */
export async function deafBroker(): Promise<number> {
  const server = createServer((socket) => {
    const parser = mqttPacket.parser({ protocolVersion: 4 });
    parser.on("packet", (packet) => {
      if (packet.cmd === "connect") socket.write(Uint8Array.of(0x20, 2, 0, 0));
      if (packet.cmd === "subscribe")
        socket.write(
          mqttPacket.generate({
            cmd: "suback",
            messageId: packet.messageId!,
            granted: packet.subscriptions.map(() => 1),
          }),
        );
    });
    socket.on("data", (data) => parser.parse(data));
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
  }).listen(0, "127.0.0.1");
  server.unref();
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
