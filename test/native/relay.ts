/** A man in the middle on loopback: hands the client's bytes on as they are and does to the server's what a test says. */
import { connect, createServer, type Socket } from "node:net";
import type { Server } from "./servers.js";

/**
 * What becomes of the server's bytes. `offset` is the place of the chunk's first byte in all that came.
 * Gives what the client gets; undefined ends the connection.
 */
export type Tamper = (chunk: Buffer, offset: number) => Buffer | undefined;

export interface Relay extends Server {
  /** How many bytes the server had sent when the last connection ended. */
  bytesDown(): number;
}

/** Each connection takes the next of `tampers`, the last one again and again. */
export function relay(upstream: number, tampers: readonly Tamper[], pieceBytes = 0): Promise<Relay> {
  let connections = 0;
  let bytesDown = 0;
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    const tamper = tampers[Math.min(connections++, tampers.length - 1)]!;
    const remote = connect(upstream, "127.0.0.1");
    let offset = 0;
    track(client);
    track(remote);
    client.setNoDelay(true);
    client.on("data", (chunk) => remote.write(chunk)).on("close", () => remote.destroy());
    remote.on("data", (chunk: Buffer) => {
      const given = tamper(chunk, offset);
      offset += chunk.length;
      bytesDown = offset;
      if (given !== undefined) write(client, given, pieceBytes);
      if (given === undefined || given.length < chunk.length) client.end();
    });
    remote.on("close", () => client.end());
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject).listen(0, "127.0.0.1", () => {
      resolve({
        port: (server.address() as { port: number }).port,
        bytesDown: () => bytesDown,
        stop() {
          for (const socket of sockets) socket.destroy();
          return new Promise((done) => server.close(() => done()));
        },
      });
    });
  });
}

/** In pieces, each in its own segment. */
function write(client: Socket, bytes: Buffer, pieceBytes: number): void {
  if (pieceBytes === 0) {
    client.write(bytes);
    return;
  }
  for (let at = 0; at < bytes.length; at += pieceBytes) client.write(bytes.subarray(at, at + pieceBytes));
}

export const untouched: Tamper = (chunk) => chunk;

/** Only the first `length` bytes, then the end. */
export function cutAt(length: number): Tamper {
  return (chunk, offset) => {
    const left = length - offset;
    if (left <= 0) return undefined;
    return chunk.subarray(0, left);
  };
}

/** One bit of the byte at `place` is wrong. */
export function flipAt(place: number): Tamper {
  return (chunk, offset) => {
    const at = place - offset;
    if (at < 0 || at >= chunk.length) return chunk;
    const copy = Buffer.from(chunk);
    copy[at]! ^= 0x01;
    return copy;
  };
}
