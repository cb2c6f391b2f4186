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

  function assertTrips(proxy: DelayingProxy, ways: number, expected: number): void {
    assert.equal(ways / 2, expected);
    // It takes no less time, but for the grain of the clocks; more, as far as the machine is busy.
    const passed = (performance.now() - proxy.connections[0]!.atMs) / (2 * oneWayMs);
    assert.ok(passed > expected - 0.02, `${passed}`);
  }

  for (const exchanges of [1, 2, 3, 4, 5])
    test(`TCP's handshake and ${exchanges} exchanges take ${1 + exchanges} round trips`, async () => {
      const [proxy, port] = await proxyTo((socket) => socket.pipe(socket));
      const client = connect(port, "127.0.0.1");
      for (let i = 0; i < exchanges; i++) {
        client.write("?");
        await once(client, "data");
      }
      assertTrips(proxy, proxy.connections[0]!.heard.client, 1 + exchanges);
      client.destroy();
    });

  test("a server that speaks first is heard after two round trips", async () => {
    const [proxy, port] = await proxyTo((socket) => socket.end("220"));
    const client = connect(port, "127.0.0.1");
    await once(client, "data");
    assertTrips(proxy, proxy.connections[0]!.heard.client, 2);
    client.destroy();
  });

  test("each direction takes half of it", async () => {
    let heard = () => {};
    const said = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const [proxy, port] = await proxyTo((socket) => socket.once("data", heard));
    const client = connect(port, "127.0.0.1");
    client.write("?");
    await said;
    assertTrips(proxy, proxy.connections[0]!.heard.server, 1.5);
    client.destroy();
  });

  test("what is said late is no answer to nothing, and takes no round trip more", async () => {
    const [proxy, port] = await proxyTo((socket) => socket.pipe(socket));
    const client = connect(port, "127.0.0.1");
    await new Promise((resolve) => setTimeout(resolve, 4 * oneWayMs));
    client.write("?");
    await once(client, "data");
    assert.equal(proxy.connections[0]!.heard.client / 2, 2);
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
