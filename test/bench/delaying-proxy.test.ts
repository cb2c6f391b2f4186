/** The proxy that stands for distance: what a client takes so many round trips for takes so many. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { after, describe, test } from "node:test";
import { DelayingProxy } from "../../bench/round-trips/delaying-proxy.js";

const oneWayMs = 150;

describe("the delaying proxy", { concurrency: true }, () => {
  const stops: (() => Promise<unknown>)[] = [];
  after(() => Promise.all(stops.map((stop) => stop())));

  /** @returns a proxy and its port */
  async function proxyTo(serve: (socket: Socket) => void): Promise<[DelayingProxy, number]> {
    const server = createServer({ allowHalfOpen: true }, serve).listen(0, "127.0.0.1");
    await once(server, "listening");
    const proxy = new DelayingProxy((server.address() as AddressInfo).port, oneWayMs);
    stops.push(async () => {
      await proxy.stop();
      server.close();
    });
    return [proxy, await proxy.start()];
  }

  /** Between the client's SYN and now. */
  const roundTripsOf = (proxy: DelayingProxy) =>
    (performance.now() - proxy.acceptedAtMs[0]!) / proxy.roundTripMs;

  function assertTrips(measured: number, expected: number): void {
    // It takes no less, but for the grain of the clocks; more, when the machine is busy.
    assert.ok(measured > expected - 0.02 && measured < expected + 0.5, `${measured}, not ${expected}`);
  }

  for (const exchanges of [1, 2, 3, 4, 5])
    test(`TCP's handshake and ${exchanges} exchanges take ${1 + exchanges} round trips`, async () => {
      const [proxy, port] = await proxyTo((socket) => socket.pipe(socket));
      const client = connect(port, "127.0.0.1");
      for (let i = 0; i < exchanges; i++) {
        client.write("?");
        await once(client, "data");
      }
      assertTrips(roundTripsOf(proxy), 1 + exchanges);
      client.destroy();
    });

  test("a server that speaks first is heard after two round trips", async () => {
    const [proxy, port] = await proxyTo((socket) => socket.end("220"));
    const client = connect(port, "127.0.0.1");
    await once(client, "data");
    assertTrips(roundTripsOf(proxy), 2);
    client.destroy();
  });

  test("each direction takes half of it", async () => {
    let heard = 0;
    const [proxy, port] = await proxyTo((socket) => {
      socket.once("data", () => {
        heard = roundTripsOf(proxy);
        socket.end("!");
      });
    });
    const client = connect(port, "127.0.0.1");
    client.write("?");
    await once(client, "data");
    assertTrips(heard, 1.5);
    client.destroy();
  });

  test("all bytes pass in order, and each direction ends by itself", async () => {
    const sent = randomBytes(3_000_000);
    const heard: Buffer[] = [];
    const [, port] = await proxyTo((socket) => {
      socket.on("data", (bytes) => heard.push(bytes));
      socket.on("end", () => socket.end("that was all"));
    });
    const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    client.write(sent.subarray(0, 1000));
    client.end(sent.subarray(1000));
    const [answer] = await once(client, "data");
    assert.equal(String(answer), "that was all");
    await once(client, "end");
    assert.ok(Buffer.concat(heard).equals(sent));
  });

  test("a reset is passed on as one", async () => {
    let reset = (_: NodeJS.ErrnoException) => {};
    const seen = new Promise<NodeJS.ErrnoException>((resolve) => {
      reset = resolve;
    });
    const [, port] = await proxyTo((socket) => {
      socket.on("error", (error) => reset(error));
      socket.on("data", () => socket.write("!"));
    });
    const client = connect(port, "127.0.0.1");
    client.write("?");
    await once(client, "data");
    client.resetAndDestroy();
    assert.equal((await seen).code, "ECONNRESET");
  });
});
