/**
 * MQTT over WebSocket on hosts, by the package `ws`: other code than the device's own, on both sides. Everything
 * above and below sees streams.
 */
import { createServer } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createWebSocketStream, WebSocket, WebSocketServer } from "ws";

const subprotocol = "mqtt";
/** Of an MQTT packet, and then some. */
const maxPayload = 300 * 1024 * 1024;

/** The ALPN name of what a WebSocket begins with (RFC 7301 §6). */
export const webSocketAlpn = "http/1.1";

/**
 * @param open the connection that it goes over, TCP or TLS
 * @returns the bytes that go through the WebSocket; it ends with an error when that is refused
 */
export function webSocketStream(host: string, port: number, path: string, open: () => Socket): Duplex {
  const socket = new WebSocket(`ws://${host}:${port}${path}`, subprotocol, {
    createConnection: open,
    perMessageDeflate: false,
    maxPayload,
  });
  // MQTT.js passes on the errors that have a code; an answer that refuses has none.
  socket.on("error", (error: Error & { code?: string }) => {
    error.code ??= "WEBSOCKET";
  });
  return createWebSocketStream(socket);
}

/**
 * @param serve gets the stream of each WebSocket that was opened at `path`
 * @returns what to do with a connection, TCP or TLS
 */
export function webSocketServer(path: string, serve: (stream: Duplex) => void): (socket: Socket) => void {
  const sockets = new WebSocketServer({
    noServer: true,
    path,
    // [MQTT-6.0.0-3]: a client that does not offer it is no MQTT client.
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    maxPayload,
  });
  // For whatever is no request for a WebSocket.
  const http = createServer((_request, response) => response.writeHead(426).end());
  http.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (opened) => serve(createWebSocketStream(opened))),
  );
  return (socket) => http.emit("connection", socket);
}
