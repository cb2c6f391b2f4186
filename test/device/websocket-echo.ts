/**
 * Runs inside XS: a WebSocket over a TCP with little room either way, whose server sends everything back. The owner
 * writes what it is told it may, in one piece. The Node side is test/e2e/websocket-shell.test.ts.
 */
import { deepSleep } from "dormouse/native/power";
import type { Transport, TransportOptions } from "../../firmware/transport.js";
import { newWebSocket, WebSocketTransport } from "../../firmware/websocket-transport.js";
import { bodyByte } from "./http-body.js";
import { NarrowTCP } from "./narrow-tcp.js";

export function echo(port: number, byteLength: number): void {
  let sent = 0;
  let received = 0;
  let grants = 0;
  const finish = (result: string) => {
    socket.close();
    trace(`${result} ${sent} ${received} ${grants}\n`);
    deepSleep(1000);
  };
  const options: TransportOptions = {
    address: "127.0.0.1",
    broker: { host: "localhost", port, websocket: { path: "/echo" } },
    onConnected() {},
    onSecured() {},
    onReadable(available) {
      const bytes = new Uint8Array(socket.read(available) as ArrayBuffer);
      for (const byte of bytes) if (byte !== bodyByte(received++)) return finish("wrong");
      if (received === byteLength) finish("same");
    },
    onWritable(room) {
      grants++;
      const bytes = new Uint8Array(Math.min(room, byteLength - sent));
      for (let i = 0; i < bytes.length; i++) bytes[i] = bodyByte(sent++);
      if (bytes.length > 0) socket.write(bytes);
    },
    onEnd: (reason) => finish(`${reason?.kind} ${reason?.code}`),
  };
  const socket = new WebSocketTransport(options, newWebSocket(options)!).over(
    ({ onReadable, onWritable, onEnd }) =>
      new NarrowTCP({
        address: "127.0.0.1",
        port,
        onReadable,
        onWritable,
        onError: () => onEnd(undefined),
      }) as unknown as Transport,
  );
}
