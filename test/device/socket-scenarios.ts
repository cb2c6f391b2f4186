/**
 * Runs inside XS: what a TLSSocket does, seen from its owner, as a list of lines. The Node side is
 * test/native/socket.test.ts, which says what the server does meanwhile and which lines are right.
 */

import TCP from "embedded:io/socket/tcp";
import { Secret } from "dormouse/native/crypto";
import { deepSleep } from "dormouse/native/power";
import { TLSSocket } from "dormouse/tls/socket";
import Time from "time";
import Timer from "timer";
import type { TLSOptions } from "../../lib/tls/options.js";
import type { TLSSocketOptions } from "../../lib/tls/socket-options.js";
import type { TCPClass } from "../../lib/tls/tcp.js";
import { bodyByte, startSum, sum } from "./http-body.js";
import { NarrowTCP } from "./narrow-tcp.js";

export interface Context {
  readonly scenario: string;
  /** What the clock is set to. */
  readonly atSeconds: number;
  readonly port: number;
  readonly ca: string;
  readonly tls?: Partial<TLSOptions>;
  readonly handshakeTimeoutMs?: number;
}

type Scenario = (context: Context, say: (line: string) => void, done: () => void) => void;

function text(bytes: ReturnType<TLSSocket["read"]>): string {
  return String.fromArrayBuffer(bytes as ArrayBuffer);
}

function utf8(line: string): Uint8Array {
  return new Uint8Array(ArrayBuffer.fromString(line));
}

function optionsFor(context: Context, more: Partial<TLSSocketOptions>): TLSSocketOptions {
  const { port, ca, tls, handshakeTimeoutMs } = context;
  return {
    TCP: TCP as unknown as TCPClass,
    address: "127.0.0.1",
    port,
    noDelay: true,
    tls: { hostName: "localhost", ca: ArrayBuffer.fromString(ca), ...tls },
    ...(handshakeTimeoutMs !== undefined && { handshakeTimeoutMs }),
    ...more,
  };
}

function open(context: Context, more: Partial<TLSSocketOptions>): TLSSocket {
  return new TLSSocket(optionsFor(context, more));
}

/** The error's class and message. */
function thrownBy(call: () => unknown): string {
  try {
    return `nothing: ${call()}`;
  } catch (error) {
    return String(error);
  }
}

function ending({ failure }: TLSSocket): string {
  return failure ? `end ${failure.kind}: ${failure.detail}` : "end";
}

/** An onWritable that sends so many bytes, in pieces as large as they may be and at most so large. */
function upload(byteLength: number, pieceBytes: number, then: (socket: TLSSocket) => void) {
  let sent = 0;
  return function (this: TLSSocket, room: number): void {
    if (sent === byteLength) return;
    for (let left = room; left > 0 && sent < byteLength; ) {
      const length = Math.min(left, pieceBytes, byteLength - sent);
      this.write(Uint8Array.from({ length }, () => bodyByte(sent++)));
      left -= length;
    }
    if (sent === byteLength) then(this);
  };
}

/** Reads all, and says how it ended. */
function untilEnd(say: (line: string) => void, done: () => void): Partial<TLSSocketOptions> {
  return {
    onReadable() {
      say(text(this.read()));
    },
    onError() {
      say(ending(this));
      this.close();
      done();
    },
  };
}

const scenarios: { readonly [name: string]: Scenario } = {
  /** The server echoes. */
  surface(context, say, done) {
    let wrote = false;
    const options = Object.freeze(
      optionsFor(context, {
        target: "mine",
        onWritable(room) {
          if (wrote) return;
          wrote = true;
          say(
            `writable ${room} ${this === socket} ${this.remoteAddress} ${this.remotePort === context.port}`,
          );
          say(`too much: ${thrownBy(() => this.write(new Uint8Array(room + 1)))}`);
          say(`no bytes: ${thrownBy(() => this.write("text" as never))}`);
          say(`left ${this.write(utf8("hello"))}`);
        },
        onReadable(count) {
          say(`readable ${count} ${this === socket} ${text(this.read())} ${this.read()}`);
          this.close();
          this.close();
          for (const call of [() => this.read(), () => this.write(utf8("x")), () => this.shutdown()])
            say(`closed: ${thrownBy(call)}`);
          Timer.set(done, 50);
        },
        onError: () => say("error"),
      }),
    );
    const socket = new TLSSocket(options);
    say(`new ${socket.target} ${socket.format} ${socket.read()} ${socket.secured} ${socket.failure}`);
    say(thrownBy(() => socket.write(utf8("x"))));
    say(thrownBy(() => socket.shutdown()));
    say(thrownBy(() => Object.assign(socket, { format: "string" })));
    say(socket.format);
  },

  /** Thrown by the constructor, and nothing is left behind. */
  wrong(context, say, done) {
    const attempt = (more: object) => say(thrownBy(() => open(context, more)));
    attempt({ TCP: undefined });
    attempt({ TCP: {} });
    attempt({ format: "string" });
    attempt({ onReadable: "call me" });
    attempt({ handshakeTimeoutMs: 0 });
    attempt({ tls: { hostName: "localhost" } });
    attempt({ tls: { hostName: "localhost", ca: new Uint8Array(8) } });
    attempt({ address: "localhost" });
    attempt({ port: 65_536 });
    Timer.set(done, 50);
  },

  /** Callbacks are optional, and each may close the socket. */
  closing(context, say, done) {
    open(context, { onReadable: null, onWritable: null, onError: null }).close();
    open(context, {
      onWritable() {
        say("writable");
        this.close();
        open(context, {
          onWritable() {
            this.write(utf8("hello"));
          },
          onReadable() {
            say("readable");
            this.close();
            Timer.set(done, 50);
          },
          onError: () => say("error"),
        });
      },
      onReadable: () => say("readable after close"),
      onError: () => say("error after close"),
    });
  },

  /** The server echoes what it gets. */
  formats(context, say, done) {
    let turn = 0;
    let wrote = false;
    open(context, {
      format: "number",
      onWritable() {
        if (wrote) return;
        wrote = true;
        say(`buffer for a number: ${thrownBy(() => this.write(utf8("buffer")))}`);
        for (const character of "abcdefgh") this.write(character.charCodeAt(0));
      },
      onReadable(count) {
        if (turn++ > 0) {
          say(`readable ${count} ${text(this.read())}`);
          this.close();
          return done();
        }
        say(`readable ${count} ${this.read()} ${this.read()}`);
        this.format = "buffer";
        say(`at most 1: ${text(this.read(1))}`);
        const view = new DataView(new ArrayBuffer(5), 1, 2);
        say(`view ${this.read(view)} ${text(view.buffer.slice(1, 3))}`);
        say(`none: ${thrownBy(() => this.read(0))}; ${this.read(new Uint8Array(0))}`);
        say(`number for a buffer: ${thrownBy(() => this.write(1))}`);
        const large = new Uint8Array(10);
        say(`large ${this.read(large)} ${text(large.buffer.slice(0, 3))} ${this.read(large)}`);
        this.write(new DataView(ArrayBuffer.fromString("-ijkl-"), 1, 4));
      },
    });
  },

  /** The server sends 1000 bytes for each byte it gets, three times, and ends. 900 of each are left lying. */
  leaving(context, say, done) {
    let turn = 0;
    let wrote = false;
    open(context, {
      onWritable() {
        if (!wrote) this.write(utf8("1"));
        wrote = true;
      },
      onReadable(count) {
        turn++;
        this.read(100);
        say(`readable ${count}`);
        if (turn < 3) this.write(utf8("1"));
        else Timer.set(() => say(`rest ${(this.read() as ArrayBuffer).byteLength}`), 100);
      },
      onError() {
        say(`${ending(this)}: ${this.read()} ${this.write(utf8("x"))}`);
        this.close();
        done();
      },
    });
  },

  /** The server answers when it has seen the end of what comes. */
  halfClose(context, say, done) {
    open(context, {
      ...untilEnd(say, done),
      onWritable: upload(10_000, 3000, (socket) => {
        socket.shutdown();
        say(thrownBy(() => socket.write(utf8("x"))));
        socket.shutdown();
      }),
    });
  },

  /** The server echoes, also after it has seen the end of what comes. */
  echoedToTheEnd(context, say, done) {
    let received = 0;
    let value = startSum;
    open(context, {
      onWritable: upload(10_000, 3000, (socket) => socket.shutdown()),
      onReadable() {
        const bytes = new Uint8Array(this.read() as ArrayBuffer);
        received += bytes.length;
        value = sum(value, bytes);
      },
      onError() {
        say(`${received} ${value} ${ending(this)}`);
        this.close();
        done();
      },
    });
  },

  /** Reads until the end, which the server makes. */
  untilEnd(context, say, done) {
    open(context, untilEnd(say, done));
  },

  /** Is open for longer than the handshake may take. */
  idle(context, say, done) {
    open(context, {
      onWritable() {
        Timer.set(
          () => {
            say(`${this.failure} ${this.secured?.version}`);
            this.close();
            done();
          },
          2 * (context.handshakeTimeoutMs ?? 0),
        );
      },
      onError() {
        say(ending(this));
      },
    });
  },

  /** The server echoes. Neither way has room for more than a few bytes at once. */
  narrow(context, say, done) {
    const byteLength = 12_000;
    let received = 0;
    let value = startSum;
    open(context, {
      TCP: NarrowTCP,
      onWritable: upload(byteLength, 700, () => {}),
      onReadable() {
        const bytes = new Uint8Array(this.read() as ArrayBuffer);
        received += bytes.length;
        value = sum(value, bytes);
        if (received < byteLength) return;
        say(`${received} ${value}`);
        this.close();
        done();
      },
    });
  },

  /** The server sends a lot; for a while nobody reads it. */
  slowReader(context, say, done) {
    let received = 0;
    let value = startSum;
    let reading = false;
    const take = (socket: TLSSocket): void => {
      for (let part = socket.read(500); part !== undefined; part = socket.read(500)) {
        const bytes = new Uint8Array(part as ArrayBuffer);
        received += bytes.length;
        value = sum(value, bytes);
      }
    };
    open(context, {
      onReadable() {
        if (reading) return take(this);
        Timer.set(() => {
          reading = true;
          take(this);
        }, 200);
        reading = false;
      },
      onError() {
        say(`${received} ${value} ${ending(this)}`);
        this.close();
        done();
      },
    });
  },

  /** Three pieces that belong together, then three that do not, then three bytes. */
  pieces(context, say, done) {
    open(context, {
      onWritable(room) {
        const piece = utf8("piece");
        say(
          `${room - (this.write(piece, { more: true }) ?? 0)} ${room - (this.write(piece, { more: true }) ?? 0)}`,
        );
        for (let i = 0; i < 4; i++) this.write(piece);
        this.format = "number";
        for (let i = 0; i < 3; i++) this.write(0x2e);
        this.close();
        done();
      },
    });
  },

  /** TLS 1.2 can be saved when it is open, 1.3 when a ticket came; nothing after the end. */
  saving(context, say, done) {
    const secret = new Secret(new Uint8Array(32).fill(7));
    const state = (socket: TLSSocket) => `${socket.resumable} ${socket.saveSession() !== undefined}`;
    const socket = open(context, {
      tls: {
        hostName: "localhost",
        ca: ArrayBuffer.fromString(context.ca),
        ...context.tls,
        resumption: { secret },
      },
      onWritable() {
        say(`${this.secured?.version} ${this.resumable}`);
      },
      onReadable() {
        say(`${text(this.read())} ${state(this)}`);
      },
      onError() {
        say(`${ending(this)} ${state(this)}`);
        this.close();
        secret.close();
        done();
      },
    });
    say(state(socket));
  },

  /** Nothing is known of the time, and nothing is to be accepted without it. */
  refused(context, say, done) {
    const socket = open(context, {
      tls: {
        hostName: "localhost",
        ca: ArrayBuffer.fromString(context.ca),
        clock: "unknown",
        withoutClock: "refuse",
      },
      onWritable: () => say("writable"),
      onError() {
        say(`${this === socket} ${this.failure?.kind} ${this.read()} ${this.write(utf8("x"))}`);
        this.close();
        Timer.set(done, 100);
      },
    });
    say("constructed");
  },
};

export async function runScenarios(contexts: readonly Context[]): Promise<void> {
  for (const context of contexts) {
    const lines: string[] = [];
    Time.set(context.atSeconds);
    await new Promise<void>((resolve) => {
      const timer = Timer.set(() => {
        lines.push("nothing happens any more");
        resolve();
      }, 10_000);
      scenarios[context.scenario]?.(
        context,
        (line) => lines.push(line),
        () => {
          Timer.clear(timer);
          resolve();
        },
      );
    });
    trace(`${JSON.stringify({ lines })}\n`);
  }
  deepSleep(1000);
}
