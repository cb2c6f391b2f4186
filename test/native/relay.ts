/**
 * A man in the middle on loopback: hands the client's bytes on as they are and does to the server's what a test
 * says, and keeps what both said.
 */
import { connect, createServer, type Socket } from "node:net";
import type { Server } from "./servers.js";

/**
 * What becomes of the server's bytes. `offset` is the place of the chunk's first byte in all that came.
 * Gives what the client gets; undefined ends the connection.
 */
export type Tamper = (chunk: Buffer, offset: number) => Buffer | undefined;

/** All bytes of one connection, as its ends sent them. */
export interface Overheard {
  readonly fromClient: Buffer;
  readonly fromServer: Buffer;
}

export interface Relay extends Server {
  /** How many bytes the server had sent when the last connection ended. */
  bytesDown(): number;
  /** In the order in which they were made. */
  overheard(): readonly Overheard[];
}

export interface RelayOptions {
  /** Each connection takes the next of these, the last one again and again. */
  readonly tampers?: readonly Tamper[];
  /** What becomes of the client's first chunk. */
  readonly rewrite?: (chunk: Buffer) => Buffer;
  /** The server's bytes in pieces of so many, each in its own segment … */
  readonly pieceBytes?: number;
  /** … and so long after the one before. */
  readonly pieceMs?: number;
}

interface Pipe {
  readonly client: Socket;
  readonly fromClient: Buffer[];
  readonly fromServer: Buffer[];
}

export function relay(upstream: number, options: RelayOptions = {}): Promise<Relay> {
  const { tampers = [untouched], rewrite = (chunk) => chunk } = options;
  const pipes: Pipe[] = [];
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    const tamper = tampers[Math.min(pipes.length, tampers.length - 1)]!;
    const remote = connect(upstream, "127.0.0.1");
    const pipe: Pipe = { client, fromClient: [], fromServer: [] };
    const write = writer(client, options);
    let offset = 0;
    pipes.push(pipe);
    track(client);
    track(remote);
    client.setNoDelay(true);
    client.on("close", () => remote.destroy());
    client.on("data", (chunk: Buffer) => {
      remote.write(pipe.fromClient.length === 0 ? rewrite(chunk) : chunk);
      pipe.fromClient.push(chunk);
    });
    remote.on("data", (chunk: Buffer) => {
      const given = tamper(chunk, offset);
      pipe.fromServer.push(chunk);
      offset += chunk.length;
      if (given !== undefined) write(given);
      if (given === undefined || given.length < chunk.length) client.end();
    });
    remote.on("close", () => write("end"));
  });
  const lengthOf = (chunks: readonly Buffer[]) => chunks.reduce((sum, { length }) => sum + length, 0);
  return new Promise((resolve, reject) => {
    server.on("error", reject).listen(0, "127.0.0.1", () => {
      resolve({
        port: (server.address() as { port: number }).port,
        bytesDown: () => lengthOf(pipes.at(-1)?.fromServer ?? []),
        overheard: () =>
          pipes.map(({ fromClient, fromServer }) => ({
            fromClient: Buffer.concat(fromClient),
            fromServer: Buffer.concat(fromServer),
          })),
        stop() {
          for (const socket of sockets) socket.destroy();
          return new Promise((done) => server.close(() => done()));
        },
      });
    });
  });
}

/** Writes in pieces, and ends after the last of them. */
function writer(
  client: Socket,
  { pieceBytes = 0, pieceMs = 0 }: RelayOptions,
): (what: Buffer | "end") => void {
  let at = 0;
  const later = (act: () => void) => {
    if (pieceMs === 0) return act();
    at = Math.max(Date.now(), at) + pieceMs;
    setTimeout(() => client.destroyed || act(), at - Date.now()).unref();
  };
  return (what) => {
    if (what === "end") later(() => client.end());
    else if (pieceBytes === 0) later(() => client.write(what));
    else
      for (let from = 0; from < what.length; from += pieceBytes)
        later(() => client.write(what.subarray(from, from + pieceBytes)));
  };
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
