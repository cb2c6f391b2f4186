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
  readonly #oneWayMs: number;
  readonly #targetPort: number;
  readonly #server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    this.connections.push(new Connection(client, this.#targetPort, this.#oneWayMs));
  });
  readonly connections: Connection[] = [];

  constructor(targetPort: number, oneWayMs: number) {
    this.#targetPort = targetPort;
    this.#oneWayMs = oneWayMs;
  }

  /** @returns the port */
  async start(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as { port: number }).port;
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const connection of this.connections) connection.cut();
    await once(this.#server, "close");
  }
}

/**
 * Counts ways as Lamport's clocks count: whoever has heard what was n ways old says what is n ways old, and it is
 * n + 1 when the other side hears it. That is the longest chain of answers, however slow anybody is to answer; the
 * time that passed, in units of a way, is as much and what the machines took.
 */
class Connection {
  /** When the client sent its SYN, by performance.now(). */
  readonly atMs = performance.now();
  /** The ways to what each side has heard. The client's first is SYN, ACK, the server's the acknowledgement of it. */
  readonly heard = { client: 2, server: 3 };
  /** How many bytes each side has said: TCP's own are not counted. */
  readonly said = { client: 0, server: 0 };
  readonly #client: Socket;
  #server: Socket | undefined;
  readonly #up: Line;
  readonly #down: Line;

  constructor(client: Socket, targetPort: number, oneWayMs: number) {
    this.#client = client;
    const connectedAtMs = this.atMs + 2 * oneWayMs;
    this.#up = new Line(() => Math.max(performance.now(), connectedAtMs) + oneWayMs);
    this.#down = new Line(() => performance.now() + oneWayMs);
    this.#up.put(() => {
      this.#server = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
      this.#pass(this.#server, "client", this.#down);
    });
    this.#pass(client, "server", this.#up);
  }

  /** Puts on the line all that comes from one side, its end too. */
  #pass(from: Socket, to: "client" | "server", line: Line): void {
    const receiver = () => (to === "client" ? this.#client : this.#server);
    from.on("data", (bytes) => {
      this.said[to === "server" ? "client" : "server"] += bytes.length;
      const ways = 1 + this.heard[to === "client" ? "server" : "client"];
      line.put(() => {
        this.heard[to] = Math.max(this.heard[to], ways);
        receiver()?.write(bytes);
      });
    });
    from.on("end", () => line.put(() => receiver()?.end()));
    // "close" follows.
    from.on("error", () => {});
    from.on("close", (broken) => line.put(() => broken && receiver()?.resetAndDestroy()));
  }

  cut(): void {
    this.#up.cut();
    this.#down.cut();
    this.#client.destroy();
    this.#server?.destroy();
  }
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
