/**
 * A TCP relay on loopback between machines that seem to be far apart: whatever one side says the other hears
 * `oneWayMs` later, in order, an end of stream included. The kernel answers a client's SYN at once, so the round trip
 * that TCP's own handshake takes is put in here: nothing of the client's leaves before it is over, and the server
 * sees the connection when its last segment would come in. Acknowledgements are not delayed: what a sender with
 * Nagle's algorithm would wait for them, or with a congestion window that is full, is not in the picture.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export class DelayingProxy {
  readonly roundTripMs: number;
  readonly #oneWayMs: number;
  readonly #targetPort: number;
  readonly #server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#relay(client));
  readonly #ends: (() => void)[] = [];
  /** When the client of each connection sent its SYN, by performance.now(). */
  readonly acceptedAtMs: number[] = [];

  constructor(targetPort: number, oneWayMs: number) {
    this.#targetPort = targetPort;
    this.#oneWayMs = oneWayMs;
    this.roundTripMs = 2 * oneWayMs;
  }

  /** @returns the port */
  async start(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as { port: number }).port;
  }

  #relay(client: Socket): void {
    const acceptedAtMs = performance.now();
    this.acceptedAtMs.push(acceptedAtMs);
    const connectedAtMs = acceptedAtMs + this.roundTripMs;
    let server: Socket | undefined;
    const up = new Line(() => Math.max(performance.now(), connectedAtMs) + this.#oneWayMs);
    const down = new Line(() => performance.now() + this.#oneWayMs);
    up.put(() => {
      server = connect({ port: this.#targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
      pass(server, () => client, down);
    });
    pass(client, () => server, up);
    this.#ends.push(() => {
      up.cut();
      down.cut();
      client.destroy();
      server?.destroy();
    });
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const end of this.#ends) end();
    await once(this.#server, "close");
  }
}

/** Puts on the line all that comes from one side, its end too. */
function pass(from: Socket, to: () => Socket | undefined, line: Line): void {
  from.on("data", (bytes) => line.put(() => to()?.write(bytes)));
  from.on("end", () => line.put(() => to()?.end()));
  // "close" follows.
  from.on("error", () => {});
  from.on("close", (broken) => line.put(() => broken && to()?.resetAndDestroy()));
}

/** Does each thing when it is due, one after the other in the order in which they were put. */
class Line {
  readonly #dueMs: () => number;
  readonly #things: { readonly atMs: number; readonly happen: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(dueMs: () => number) {
    this.#dueMs = dueMs;
  }

  put(happen: () => void): void {
    this.#things.push({ atMs: this.#dueMs(), happen });
    this.#wait();
  }

  #wait(): void {
    const [first] = this.#things;
    if (this.#timer || !first) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const now = performance.now();
        while (this.#things[0] && this.#things[0].atMs <= now) this.#things.shift()!.happen();
        this.#wait();
      },
      Math.max(0, Math.ceil(first.atMs - performance.now())),
    );
  }

  cut(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#things.length = 0;
  }
}
