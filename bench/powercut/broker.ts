/**
 * The campaign's broker: MQTT 3.1.1 and 5 over plain TCP, as much of them as a device uses, one session, kept. It writes
 * down every byte that comes, also of what breaks off, and misbehaves when told to. It shares no code with lib/mqtt.
 */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";

/** What it does in one boot of the device; absent: what a broker does. */
export interface Conduct {
  /** It hangs up when so many packets have come. */
  readonly hangsUpAfter?: number;
  /** It acknowledges no message. */
  readonly deaf?: boolean;
  /** It has forgotten the session. */
  readonly forgets?: boolean;
}

export interface Published {
  readonly topic: string;
  /** What of it came. */
  readonly payload: Buffer;
  /** All of it came. */
  readonly whole: boolean;
  /** It is to be published when the device is gone. */
  readonly will: boolean;
}

interface Packet {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

interface Queued {
  readonly topic: string;
  readonly payload: Uint8Array;
}

const types = {
  ...{ connect: 1, publish: 3, puback: 4, subscribe: 8, unsubscribe: 10, pingreq: 12, disconnect: 14 },
} as const;

export class CampaignBroker {
  readonly #server = createServer((socket) => this.#serve(socket));
  readonly #open = new Set<Socket>();
  readonly #onPublished: (published: Published) => void;
  #conduct: Conduct = {};
  #session = false;
  #subscribed = new Set<string>();
  readonly #queue: Queued[] = [];
  /** By packet id. */
  readonly #inFlight = new Map<number, Queued>();
  #nextId = 1;
  #quiet = () => {};
  port = 0;
  /** Sessions that were taken up since the last boot began. */
  connects = 0;

  constructor(onPublished: (published: Published) => void) {
    this.#onPublished = onPublished;
  }

  async start(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.port = (this.#server.address() as { port: number }).port;
  }

  /** Before a boot. */
  begin(conduct: Conduct): void {
    this.#conduct = conduct;
    this.connects = 0;
    if (conduct.forgets) this.forget();
  }

  /** When the device has ended and all it has sent is here. */
  async settled(): Promise<void> {
    if (this.#open.size > 0)
      await new Promise<void>((resolve) => {
        this.#quiet = resolve;
      });
  }

  /** The device finds it when it next hears. */
  send(topic: string, payload: Uint8Array): void {
    this.#queue.push({ topic, payload });
  }

  /** The session, and what waits in it. */
  forget(): void {
    this.#session = false;
    this.#subscribed.clear();
    this.#queue.length = 0;
    this.#inFlight.clear();
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #serve(socket: Socket): void {
    this.#open.add(socket);
    const connection = new Connection(socket, this.#onPublished, (packet, v5) =>
      this.#take(packet, v5, connection),
    );
    let packets = 0;
    connection.beforeNext = () => {
      if (packets++ !== this.#conduct.hangsUpAfter) return true;
      socket.destroy();
      return false;
    };
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => {
      connection.end();
      this.#open.delete(socket);
      if (this.#open.size === 0) this.#quiet();
    });
  }

  #take({ type, flags, body }: Packet, v5: boolean, connection: Connection): void {
    switch (type) {
      case types.connect: {
        this.connects++;
        if (body[7]! & 2) this.forget();
        connection.write(2, 0, [this.#session ? 1 : 0, 0, ...(v5 ? [0] : [])]);
        this.#session = true;
        for (const [id, queued] of this.#inFlight) this.#deliver(connection, v5, id, queued, true);
        return this.#deliverQueue(connection, v5);
      }
      case types.publish: {
        if ((flags & 6) === 0 || this.#conduct.deaf) return;
        const id = 2 + body.readUInt16BE(0);
        return connection.write(4, 0, [...body.subarray(id, id + 2)]);
      }
      case types.puback:
        this.#inFlight.delete(body.readUInt16BE(0));
        return;
      case types.subscribe:
      case types.unsubscribe: {
        const filters = filtersOf(body, v5, type === types.subscribe);
        for (const filter of filters)
          if (type === types.subscribe) this.#subscribed.add(filter);
          else this.#subscribed.delete(filter);
        const codes = filters.map(() => (type === types.subscribe ? 1 : 0));
        const tail = v5 || type === types.subscribe ? codes : [];
        connection.write(type + 1, 0, [...body.subarray(0, 2), ...(v5 ? [0] : []), ...tail]);
        return this.#deliverQueue(connection, v5);
      }
      case types.pingreq:
        return connection.write(13, 0, []);
      case types.disconnect:
        connection.close();
    }
  }

  #deliverQueue(connection: Connection, v5: boolean): void {
    while (this.#queue.length > 0 && this.#subscribed.has(this.#queue[0]!.topic)) {
      const queued = this.#queue.shift()!;
      const id = this.#nextId;
      this.#nextId = (this.#nextId % 0xffff) + 1;
      this.#inFlight.set(id, queued);
      this.#deliver(connection, v5, id, queued, false);
    }
  }

  #deliver(
    connection: Connection,
    v5: boolean,
    id: number,
    { topic, payload }: Queued,
    again: boolean,
  ): void {
    const name = Buffer.from(topic);
    connection.write(3, again ? 10 : 2, [
      ...[name.length >> 8, name.length & 255, ...name, id >> 8, id & 255, ...(v5 ? [0] : [])],
      ...payload,
    ]);
  }
}

/** One TCP connection: packets out of bytes, and what was begun and not finished. */
class Connection {
  /** Whether the packet that has come is to be taken. */
  beforeNext = () => true;
  #data = Buffer.alloc(0);
  #v5 = false;
  #ended = false;
  readonly #socket: Socket;
  readonly #onPublished: (published: Published) => void;

  constructor(
    socket: Socket,
    onPublished: (published: Published) => void,
    onPacket: (packet: Packet, v5: boolean) => void,
  ) {
    this.#socket = socket;
    this.#onPublished = onPublished;
    socket.on("data", (data: Buffer) => {
      if (this.#ended) return;
      this.#data = Buffer.concat([this.#data, data]);
      for (let packet = this.#next(); packet; packet = this.#next()) {
        this.#see(packet, true);
        if (!this.beforeNext()) return;
        onPacket(packet, this.#v5);
      }
    });
  }

  write(type: number, flags: number, body: readonly number[]): void {
    const length: number[] = [];
    for (let rest = body.length; ; rest >>= 7) {
      length.push((rest & 127) | (rest > 127 ? 128 : 0));
      if (rest < 128) break;
    }
    this.#socket.write(Uint8Array.from([(type << 4) | flags, ...length, ...body]));
  }

  close(): void {
    this.#socket.end();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    // The broker may have hung up before it took all that had come.
    for (let packet = this.#next(); packet; packet = this.#next()) this.#see(packet, false);
    const head = this.#head();
    if (!head) return;
    this.#see({ ...head, body: this.#data.subarray(head.at) }, false);
  }

  #head():
    | { readonly type: number; readonly flags: number; readonly at: number; readonly length: number }
    | undefined {
    let length = 0;
    for (let i = 1; i < 5 && i < this.#data.length; i++) {
      const byte = this.#data[i]!;
      length += (byte & 127) << (7 * (i - 1));
      if (byte < 128) return { type: this.#data[0]! >> 4, flags: this.#data[0]! & 15, at: i + 1, length };
    }
    return undefined;
  }

  #next(): Packet | undefined {
    const head = this.#head();
    if (!head || this.#data.length < head.at + head.length) return undefined;
    const body = this.#data.subarray(head.at, head.at + head.length);
    this.#data = this.#data.subarray(head.at + head.length);
    const packet = { type: head.type, flags: head.flags, body };
    if (packet.type === types.connect) this.#v5 = body[6] === 5;
    return packet;
  }

  /** Tells of the messages in a packet, or in what came of it. */
  #see({ type, flags, body }: Packet, whole: boolean): void {
    try {
      if (type === types.connect) this.#seeWill(body, whole);
      if (type !== types.publish) return;
      const name = 2 + body.readUInt16BE(0);
      let at = name + (flags & 6 ? 2 : 0);
      if (this.#v5) at += 1 + body.readUInt8(at);
      if (at > body.length) return;
      this.#onPublished({
        topic: body.toString("utf8", 2, name),
        payload: body.subarray(at),
        whole,
        will: false,
      });
    } catch (error) {
      // It broke off before the payload.
      if (whole || !(error instanceof RangeError)) throw error;
    }
  }

  #seeWill(body: Buffer, whole: boolean): void {
    const v5 = body.readUInt8(6) === 5;
    if (!(body.readUInt8(7) & 4)) return;
    let at = 10;
    if (v5) at += 1 + body.readUInt8(at);
    at += 2 + body.readUInt16BE(at);
    if (v5) at += 1 + body.readUInt8(at);
    const name = at + 2 + body.readUInt16BE(at);
    const topic = body.toString("utf8", at + 2, name);
    const end = name + 2 + body.readUInt16BE(name);
    const payload = body.subarray(name + 2, end);
    this.#onPublished({ topic, payload, whole: whole || end <= body.length, will: true });
  }
}

function filtersOf(body: Buffer, v5: boolean, withOptions: boolean): string[] {
  const filters: string[] = [];
  let at = 2;
  if (v5) at += 1 + body[at]!;
  while (at < body.length) {
    const end = at + 2 + body.readUInt16BE(at);
    filters.push(body.toString("utf8", at + 2, end));
    at = end + (withOptions ? 1 : 0);
  }
  return filters;
}
