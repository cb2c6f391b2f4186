/**
 * Runs inside XS: the firmware's WebSocket over a stream that the test is itself, so that room and pieces are as
 * a case needs them. The Node side is test/e2e/websocket-shell.test.ts.
 */

import { failure } from "dormouse/failure";
import type { TLSOptions } from "dormouse/tls/options";
import { encodeFrame } from "dormouse/websocket/frames";
import type { Transport, TransportOptions } from "../../firmware/transport.js";
import { newWebSocket, WebSocketTransport } from "../../firmware/websocket-transport.js";
import { equal, fromHex, hex, ok, test } from "./harness.js";

function ascii(text: string): Uint8Array {
  return new Uint8Array(ArrayBuffer.fromString(text));
}

/** The transport between an owner and a stream; both take down what they are told. */
class Bench {
  readonly told: string[] = [];
  /** What was written to the stream, and the very arrays it was given in. */
  written = "";
  readonly pieces: Uint8Array[] = [];
  closed = 0;
  room = 0;
  readonly transport: WebSocketTransport;
  /** The owner reads what there is only when the test says so. */
  lazy = false;
  /** When bytes arrive. */
  onBytes = (_: Uint8Array) => {};
  readonly #accept: string;
  #below: TransportOptions | undefined;
  #arrived: Uint8Array = new Uint8Array(0);

  constructor(room = 10_000, tls?: TLSOptions) {
    const options: TransportOptions = {
      address: "127.0.0.1",
      broker: { host: "localhost", port: 80, websocket: { path: "/mqtt" } },
      ...(tls && { tls }),
      onConnected() {},
      onSecured() {},
      onReadable: (byteLength) => {
        if (this.lazy) this.told.push(`readable ${byteLength}`);
        else this.onBytes(this.read(byteLength));
      },
      onWritable: (byteLength) => this.told.push(`writable ${byteLength}`),
      onEnd: (reason) => this.told.push(`end ${reason?.kind} ${reason?.code}`),
    };
    const socket = newWebSocket(options);
    ok(socket?.at === "idle", "a WebSocket");
    this.#accept = socket.request.accept;
    this.transport = new WebSocketTransport(options, socket).over((below) => {
      this.#below = below;
      return this.#stream();
    });
    this.widen(room);
  }

  read(byteLength: number): Uint8Array {
    const bytes = new Uint8Array(this.transport.read(byteLength) as ArrayBuffer);
    this.told.push(`data ${hex(bytes)}`);
    return bytes;
  }

  /** How much the transport has left in the stream. */
  get left(): number {
    return this.#arrived.length;
  }

  #stream(): Transport {
    return {
      read: (byteLength) => {
        const bytes = this.#arrived.slice(0, byteLength);
        this.#arrived = this.#arrived.slice(byteLength);
        return bytes.buffer as ArrayBuffer;
      },
      write: (bytes) => {
        if (bytes.length > this.room) throw new Error("would block");
        this.room -= bytes.length;
        this.written += hex(bytes);
        this.pieces.push(bytes);
        return this.room;
      },
      close: () => {
        this.closed++;
      },
      resumable: true,
      saveSession: () => new ArrayBuffer(7),
    };
  }

  get tls(): TLSOptions | undefined {
    return this.#below?.tls;
  }

  widen(room: number): this {
    this.room = room;
    this.#below!.onWritable(room);
    return this;
  }

  arrive(bytes: Uint8Array): this {
    this.#arrived = bytes;
    this.#below!.onReadable(bytes.length);
    return this;
  }

  open(more = ""): this {
    const head = [
      "HTTP/1.1 101 X",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Protocol: mqtt",
    ];
    const text = `${head.join("\r\n")}\r\nSec-WebSocket-Accept: ${this.#accept}\r\n\r\n`;
    const answer = ascii(text);
    const bytes = new Uint8Array(answer.length + more.length / 2);
    bytes.set(answer);
    bytes.set(fromHex(more), answer.length);
    return this.arrive(bytes);
  }

  fail(...reason: Parameters<TransportOptions["onEnd"]>): this {
    this.#below!.onEnd(...reason);
    return this;
  }

  /** Exactly this since the last time. */
  tells(...lines: string[]): this {
    equal(this.told.splice(0), lines, "told");
    return this;
  }

  /** The frames written since the last time: first byte and payload. */
  frames(): string[] {
    const bytes = fromHex(this.written);
    this.written = "";
    const frames: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const start = at + ((bytes[at + 1]! & 0x7f) === 126 ? 8 : 6);
      const length = start - at === 8 ? bytes[at + 2]! * 256 + bytes[at + 3]! : bytes[at + 1]! & 0x7f;
      const mask = bytes.subarray(start - 4, start);
      const payload = bytes.slice(start, start + length).map((byte, i) => byte ^ mask[i & 3]!);
      frames.push(`${hex(bytes.subarray(at, at + 1))} ${hex(payload)}`);
      at = start + length;
    }
    return frames;
  }
}

function opened(room?: number): Bench {
  const bench = new Bench(room).open();
  bench.written = "";
  return bench;
}

test("the owner is told when the WebSocket is open, less a frame's header, and no sooner", () => {
  const bench = new Bench(10_000).tells();
  const request = bench.written.length / 2;
  ok(request > 100, `a request of ${request} bytes`);
  bench.widen(9000).tells();
  bench.open().tells("writable 8992");
  bench.widen(8).tells();
  bench.widen(9).tells("writable 1");
  bench.widen(1_000_000).tells("writable 65535");
});

test("the request names the port unless it is the scheme's own, and TLS is told what comes", () => {
  const tls = { hostName: "localhost", alpn: ["mqtt"] };
  const hostOf = (bench: Bench) => String.fromArrayBuffer(fromHex(bench.written).buffer).split("\r\n")[1];
  const plain = new Bench();
  equal(hostOf(plain), "Host: localhost");
  equal(plain.tls, undefined);
  const secure = new Bench(10_000, tls);
  equal(hostOf(secure), "Host: localhost:80");
  equal(secure.tls, { hostName: "localhost", alpn: ["http/1.1"] });
});

test("a request that does not fit goes out in pieces", () => {
  const whole = new Bench().written.length;
  const bench = new Bench(50);
  equal(bench.written.length, 100);
  for (let i = 0; i < 20; i++) bench.widen(10);
  equal(bench.written.length, whole);
});

test("what is written is one frame, and nothing of it stays behind", () => {
  const bench = opened(300);
  bench.widen(10);
  const secret = ascii("secret");
  equal(bench.transport.write(secret), 0);
  equal(bench.pieces.at(-1), new Uint8Array(10));
  bench.widen(10);
  equal(bench.frames(), [`82 ${hex(secret)}`]);
  equal(hex(secret), hex(ascii("secret")), "the owner's own bytes");
});

test("of PINGs that come while there is no room the newest is answered, once", () => {
  const bench = opened();
  bench.room = 0;
  bench.widen(0);
  for (let i = 0; i < 50; i++) bench.arrive(Uint8Array.of(0x89, 1, i));
  equal(bench.frames(), []);
  bench.widen(5000);
  equal(bench.frames(), ["8a 31"]);
});

test("a PONG takes no room from what the owner was told it may write", () => {
  const bench = opened();
  bench.told.length = 0;
  bench.widen(20).tells("writable 12");
  bench.arrive(Uint8Array.of(0x89, 0));
  equal(bench.transport.write(new Uint8Array(12)), 0);
  bench.widen(100).tells("writable 88");
  equal(bench.frames(), ["8a ", `82 ${"00".repeat(12)}`]);
});

test("the end may come in the middle of what the owner answers", () => {
  const bench = new Bench();
  const results: unknown[] = [];
  bench.onBytes = (bytes) => results.push(bench.transport.write(bytes));
  bench.open("8201aa880203e9").tells("data aa", "end connection-lost 1001");
  equal(results, [undefined]);
  bench.transport.close();
  equal(bench.closed, 1);
});

test("the owner may close in the middle of what it is told", () => {
  const bench = opened();
  bench.onBytes = () => bench.transport.close();
  bench.told.length = 0;
  bench.arrive(fromHex(`8201aa${"8900".repeat(300)}8201bb`)).tells("data aa");
  equal(bench.closed, 1);
  equal(bench.frames(), ["88 03e8"]);
  bench.transport.close();
  equal(bench.closed, 1);
});

test("what TLS says of its end is told as it is, and the end of TCP with a name", () => {
  const ended = opened();
  ended.told.length = 0;
  ended.fail(failure("tls-truncated", "cut", 7)).tells("end tls-truncated 7");
  ended.fail(undefined).tells();
  const lost = opened();
  lost.told.length = 0;
  lost.fail(undefined).tells("end connection-lost 1006");
  new Bench().fail(undefined).tells("end connection-lost 0");
});

test("nothing is written to a stream that ended", () => {
  const bench = opened();
  bench.fail(undefined);
  equal(bench.transport.write(ascii("x")), undefined);
  bench.transport.close();
  equal(bench.frames(), []);
});

test("whatever TLS has to keep is the stream's", () => {
  const { transport } = new Bench();
  equal([transport.resumable, transport.saveSession()?.byteLength], [true, 7]);
});

test("what its owner leaves unread holds up the stream, and the end", async () => {
  const bench = opened();
  bench.told.length = 0;
  bench.lazy = true;
  const frame = `827e0200${"aa".repeat(512)}`;
  bench.arrive(fromHex(`${frame}8201bb880203e9`)).tells("readable 508");
  equal(bench.left, 11);
  equal(bench.read(500).length, 500);
  await Promise.resolve();
  equal(bench.told.splice(0).length, 1, "nothing more is told");
  equal(bench.left, 11);
  equal(bench.read(500).length, 8);
  bench.tells(`data ${"aa".repeat(8)}`);
  await Promise.resolve();
  bench.tells("readable 5");
  equal(bench.read(9).length, 5);
  bench.tells("data aaaaaaaabb");
  await Promise.resolve();
  bench.tells("end connection-lost 1001");
  equal(bench.transport.read(1), undefined);
});

test("after close nothing is told, whatever is left", async () => {
  const bench = opened();
  bench.told.length = 0;
  bench.lazy = true;
  bench.arrive(fromHex("8202aaaa880203e9")).tells("readable 2");
  bench.transport.close();
  bench.transport.read(2);
  await Promise.resolve();
  bench.tells();
});

test("more than a piece at once is read in pieces", () => {
  const bench = opened();
  bench.told.length = 0;
  const payload = new Uint8Array(2000).fill(0x5a);
  const frame = encodeFrame(2, payload, new Uint8Array(4));
  // As a server sends it: without the mask.
  const bytes = new Uint8Array(4 + payload.length);
  bytes.set([frame[0]!, frame[1]! & 0x7f, frame[2]!, frame[3]!]);
  bytes.set(payload, 4);
  bench.arrive(bytes);
  const pieces = bench.told.splice(0);
  ok(pieces.length === 4, `${pieces.length} pieces`);
  equal(pieces.map((one) => one.slice(5)).join(""), hex(payload));
});
