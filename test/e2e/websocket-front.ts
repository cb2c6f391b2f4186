/**
 * A WebSocket server by hand in front of a broker without: it answers and frames as a test tells it to, so that
 * what it does wrong differs from what it does right by that alone. It checks of the client what RFC 6455 §5.1 asks
 * a server to.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Behaviour {
  /** What is answered. */
  readonly answer?: (accept: string) => string;
  /** What the broker said, as frames. */
  readonly frames?: (payload: Buffer) => Buffer;
  /** Sent at once after the answer. */
  readonly greeting?: Buffer;
}

export function goodAnswer(accept: string): string {
  return [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    "Sec-WebSocket-Protocol: mqtt",
    "\r\n",
  ].join("\r\n");
}

/** A frame with this first byte. */
export function frameOf(first: number, payload: Buffer): Buffer {
  const { length } = payload;
  const header = length < 126 ? [first, length] : [first, 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(header), payload]);
}

export class WebSocketFront {
  readonly #brokerPort: number;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#open(client));
  behaviour: Behaviour = {};
  /** What the clients asked for. */
  readonly requests: string[] = [];
  /** Their frames: first byte and payload. */
  readonly frames: { readonly first: number; readonly payload: Buffer }[] = [];
  readonly #masks = new Set<string>();
  /** What they did that a server must not take. */
  readonly wrongs: string[] = [];

  constructor(brokerPort: number) {
    this.#brokerPort = brokerPort;
  }

  async start(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  /** The codes of the CLOSE frames that clients sent. */
  get closeCodes(): number[] {
    return this.frames.filter(({ first }) => first === 0x88).map(({ payload }) => payload.readUInt16BE());
  }

  #open(client: Socket): void {
    this.#keep(client);
    let head = Buffer.alloc(0);
    const collect = (data: Buffer) => {
      head = Buffer.concat([head, data]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      client.off("data", collect);
      this.#answer(client, head.subarray(0, end).toString("latin1"));
      if (head.length > end + 4) this.wrongs.push("bytes before the answer");
    };
    client.on("data", collect);
  }

  #answer(client: Socket, request: string): void {
    this.requests.push(request);
    const { answer = goodAnswer, frames = (payload) => frameOf(0x82, payload), greeting } = this.behaviour;
    const key = /^Sec-WebSocket-Key: (\S+)$/m.exec(request)?.[1] ?? "";
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    client.write(answer(accept), "latin1");
    if (greeting) client.write(greeting);
    const broker = connect(this.#brokerPort, "127.0.0.1");
    this.#keep(broker);
    broker.on("data", (payload) => client.write(frames(payload)));
    let left: Buffer = Buffer.alloc(0);
    client.on("data", (data) => {
      left = this.#read(Buffer.concat([left, data]), broker);
    });
    client.on("close", () => broker.destroy());
    broker.on("close", () => client.end());
  }

  /** @returns what is not a whole frame yet */
  #read(bytes: Buffer, broker: Socket): Buffer {
    if (bytes.length < 2) return bytes;
    const [first, second] = bytes as unknown as [number, number];
    const short = second & 0x7f;
    const start = short < 126 ? 2 : 4;
    if (bytes.length < start + 4) return bytes;
    const length = short < 126 ? short : bytes.readUInt16BE(2);
    if (!(second & 0x80)) this.wrongs.push("a frame without a mask");
    const mask = bytes.subarray(start, start + 4);
    const end = start + 4 + length;
    if (bytes.length < end) return bytes;
    if (this.#masks.has(mask.toString("hex"))) this.wrongs.push("a mask for the second time");
    this.#masks.add(mask.toString("hex"));
    const payload = Buffer.from(bytes.subarray(start + 4, end).map((byte, at) => byte ^ mask[at & 3]!));
    this.frames.push({ first, payload });
    if (first === 0x82) broker.write(payload);
    return this.#read(bytes.subarray(end), broker);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }
}
