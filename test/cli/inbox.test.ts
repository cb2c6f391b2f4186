/** What NodeSession's inbox promises: acknowledged when handled, in order; not read when too much waits; ended in order. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { afterEach, describe, test } from "node:test";
import mqttPacket, { type IPublishPacket, type Packet } from "mqtt-packet";
import type { InboxOptions } from "../../cli/mqtt/inbox.js";
import { NodeSession } from "../../cli/mqtt/node-session.js";
import { emptyKept } from "../../lib/mqtt/kept-session.js";

/** A broker of the test's own: one client at a time. */
class Peer {
  readonly server = createServer((socket) => this.#accept(socket));
  readonly packets: Packet[] = [];
  socket: Socket | undefined;
  #told = () => {};

  async start(): Promise<number> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return (this.server.address() as { port: number }).port;
  }

  #accept(socket: Socket): void {
    this.socket = socket;
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    parser.on("packet", (packet) => {
      this.packets.push(packet);
      if (packet.cmd === "connect") socket.write(Buffer.from([0x20, 3, 0, 0, 0]));
      if (packet.cmd === "pingreq") socket.write(Buffer.from([0xd0, 0]));
      this.#told();
    });
    socket.on("data", (bytes) => parser.parse(bytes));
    socket.on("error", () => {});
    socket.on("close", () => this.#told());
  }

  /** Waits until `found` says so. */
  async until(found: () => boolean): Promise<void> {
    while (!found())
      await new Promise<void>((resolve) => {
        this.#told = resolve;
      });
  }

  get acknowledged(): (number | undefined)[] {
    return this.packets
      .filter(({ cmd }) => cmd === "puback" || cmd === "pubrec")
      .map(({ messageId }) => messageId);
  }

  async stop(): Promise<void> {
    this.socket?.destroy();
    this.server.close();
    await once(this.server, "close");
  }
}

function publication(messageId: number, qos: 0 | 1 | 2, payload: string | Buffer = "x"): Buffer {
  const packet: IPublishPacket = { cmd: "publish", topic: "t", qos, dup: false, retain: false, payload };
  return mqttPacket.generate(qos === 0 ? packet : { ...packet, messageId }, { protocolVersion: 5 });
}

/** Ended when a test is over, however it ended. */
const ending: (() => Promise<unknown>)[] = [];

async function connected(inbox: InboxOptions, more: { readonly keepAliveSeconds?: number } = {}) {
  const peer = new Peer();
  const port = await peer.start();
  const session = new NodeSession({
    endpoint: { host: "127.0.0.1", port, tls: null },
    session: { clientId: "c", cleanStart: false, sessionExpirySeconds: 60, maxPacketBytes: 100_000, ...more },
    kept: emptyKept,
    reconnect: true,
    inbox,
  });
  ending.push(
    () => session.disconnect(),
    () => peer.stop(),
  );
  await peer.until(() => peer.packets.length > 0);
  return { peer, session };
}

/** A handler whose messages the test finishes. */
function byHand() {
  const begun: ((acknowledge: boolean) => void)[] = [];
  let told = () => {};
  const handle = () =>
    new Promise<boolean>((resolve) => {
      begun.push(resolve);
      told();
    });
  const until = async (count: number) => {
    while (begun.length < count)
      await new Promise<void>((resolve) => {
        told = resolve;
      });
  };
  return { begun, handle, until };
}

/** What was to be sent has been, and the other side has read it. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 100));

describe("the inbox", { timeout: 60_000 }, () => {
  afterEach(async () => {
    for (const end of ending.splice(0)) await end();
  });

  test("QoS 1 and 2 are acknowledged when handled, in the order of the messages", {
    timeout: 20_000,
  }, async () => {
    const { begun, handle, until } = byHand();
    const { peer } = await connected({ handle, atOnce: 3 });
    peer.socket!.write(
      Buffer.concat([publication(1, 1), publication(2, 2), publication(3, 1), publication(4, 1)]),
    );
    await until(3);
    begun[2]!(true);
    await until(4);
    begun[1]!(true);
    await settled();
    deepEqual(peer.acknowledged, []);
    begun[0]!(true);
    await peer.until(() => peer.acknowledged.length === 3);
    deepEqual(peer.acknowledged, [1, 2, 3]);
    begun[3]!(true);
    await peer.until(() => peer.acknowledged.length === 4);
  });

  test("false: neither this one nor any after it is acknowledged", { timeout: 20_000 }, async () => {
    const { begun, handle, until } = byHand();
    const { peer, session } = await connected({ handle, atOnce: 3 });
    peer.socket!.write(Buffer.concat([publication(1, 1), publication(2, 1), publication(3, 1)]));
    await until(3);
    begun[2]!(true);
    begun[0]!(true);
    begun[1]!(false);
    await session.finish("all", 1000);
    await peer.until(() => peer.packets.at(-1)?.cmd === "disconnect");
    deepEqual(peer.acknowledged, [1]);
  });

  test("a message of a connection that is gone is not acknowledged on the next", {
    timeout: 20_000,
  }, async () => {
    const { begun, handle, until } = byHand();
    const { peer, session } = await connected({ handle, atOnce: 1 });
    peer.socket!.write(publication(7, 1));
    await until(1);
    peer.socket!.destroy();
    await peer.until(() => peer.packets.filter(({ cmd }) => cmd === "connect").length === 2);
    while (session.state.at !== "connected") await settled();
    begun[0]!(true);
    await settled();
    deepEqual(peer.acknowledged, []);
    peer.socket!.write(publication(7, 1));
    await until(2);
    begun[1]!(true);
    await peer.until(() => peer.acknowledged.length === 1);
  });

  test("finish: what was begun is handled and acknowledged before DISCONNECT; what was not stays", {
    timeout: 20_000,
  }, async () => {
    const { begun, handle, until } = byHand();
    const { peer, session } = await connected({ handle, atOnce: 1 });
    peer.socket!.write(Buffer.concat([publication(1, 1), publication(2, 1)]));
    await until(1);
    const finished = session.finish("begun", 10_000);
    setTimeout(() => begun[0]!(true), 50);
    equal(await finished, undefined);
    await peer.until(() => peer.packets.at(-1)?.cmd === "disconnect");
    deepEqual([peer.acknowledged, begun.length], [[1], 1]);
  });

  test("finish waits no longer than it is told", { timeout: 20_000 }, async () => {
    const { handle, until } = byHand();
    const { peer, session } = await connected({ handle, atOnce: 1 });
    peer.socket!.write(publication(1, 1));
    await until(1);
    equal(await session.finish("all", 50), undefined);
    deepEqual(peer.acknowledged, []);
  });

  test("too much at QoS 0 is not read until it is handled; no deadline passes meanwhile, and nothing is lost", {
    timeout: 20_000,
  }, async () => {
    const { begun, handle, until } = byHand();
    let handled = 0;
    let fast = false;
    const slow = () => (fast ? Promise.resolve(true) : handle());
    const counting = () => slow().finally(() => handled++);
    const { peer } = await connected({ handle: counting, atOnce: 1 }, { keepAliveSeconds: 1 });
    const socket = peer.socket!;
    const one = publication(0, 0, Buffer.alloc(50_000));
    const most = 2000;
    let written = 0;
    const pump = () => {
      while (written < most && !socket.writableNeedDrain) {
        socket.write(one);
        written++;
      }
    };
    socket.on("drain", pump);
    pump();
    await until(1);
    // Longer than the answer to a PINGREQ may take.
    await new Promise((resolve) => setTimeout(resolve, 4000));
    ok(written < 600, `${written} messages of 50 kB were taken`);
    ok(peer.packets.some(({ cmd }) => cmd === "pingreq"));
    fast = true;
    begun[0]!(true);
    const connections = () => peer.packets.filter(({ cmd }) => cmd === "connect").length;
    while (handled < most && connections() === 1) await settled();
    equal(connections(), 1);
  });
});
