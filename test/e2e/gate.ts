/** A TCP gate before a broker that a test shuts and opens at once: what a network does to a device. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

const latencyMs = 30;

export class Gate {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#pass(client));
  /** Where connections lead from now on. */
  target: number;
  open = true;
  /** So many of the next connections break when the device has said its first word. */
  breaking = 0;
  /** Connections that begin so stand, and nothing passes: what is between cannot take it. */
  swallows: (hello: Buffer) => boolean = () => false;
  /** What the device said first on each connection. */
  readonly hellos: Buffer[] = [];
  /** Lets connections stand but passes nothing on: a stalled network. */
  stalled = false;
  /** Loses what the broker says. It comes late enough for a test to decide upon what the device has reported. */
  deaf = false;

  constructor(targetPort: number) {
    this.target = targetPort;
  }

  async start(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as { port: number }).port;
  }

  #pass(client: Socket): void {
    this.#keep(client);
    if (!this.open) return void client.resetAndDestroy();
    if (this.stalled) return;
    const breaks = this.breaking > 0;
    if (breaks) this.breaking--;
    client.once("data", (hello: Buffer) => {
      this.hellos.push(hello);
      if (breaks) client.resetAndDestroy();
      else if (!this.swallows(hello)) this.#passOn(client, hello);
    });
  }

  #passOn(client: Socket, hello: Buffer): void {
    const broker = connect(this.target, "127.0.0.1");
    this.#keep(broker);
    broker.write(hello);
    client.pipe(broker);
    broker.on("data", (data) => setTimeout(() => this.deaf || client.write(data), latencyMs));
    broker.on("close", () => setTimeout(() => client.end(), latencyMs));
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
