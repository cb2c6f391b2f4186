/** A TCP relay that holds back what the server says until the test has looked at the device. */
import { EventEmitter, once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Overheard } from "./relay.js";

export class Turnstile {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#pass(client));
  readonly #target: number;
  #held: (() => void)[] = [];
  readonly #news = new EventEmitter();
  #open = false;
  #fromClient: Buffer[] = [];
  #fromServer: Buffer[] = [];

  private constructor(target: number) {
    this.#target = target;
  }

  static async to(target: number): Promise<Turnstile> {
    const turnstile = new Turnstile(target);
    turnstile.#server.listen(0, "127.0.0.1");
    await once(turnstile.#server, "listening");
    return turnstile;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Since it was closed last. */
  get overheard(): Overheard {
    return { fromClient: Buffer.concat(this.#fromClient), fromServer: Buffer.concat(this.#fromServer) };
  }

  /** For the next connection. */
  close(): void {
    this.#open = false;
    this.#fromClient = [];
    this.#fromServer = [];
  }

  /** The server has answered, and the device waits. */
  async answered(): Promise<void> {
    while (this.#fromServer.length === 0) await once(this.#news, "server");
  }

  open(): void {
    this.#open = true;
    for (const release of this.#held) release();
    this.#held = [];
  }

  /** Ends the connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(client: Socket): void {
    const server = connect(this.#target, "127.0.0.1");
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => {}).on("close", () => this.#sockets.delete(socket));
    }
    client.on("close", () => server.destroy());
    client.on("data", (data) => {
      this.#fromClient.push(data);
      server.write(data);
    });
    server.on("data", (data) => {
      this.#fromServer.push(data);
      this.#news.emit("server");
      if (this.#open) client.write(data);
      else this.#held.push(() => client.write(data));
    });
    server.on("close", () => client.end());
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }
}
