/** The link between board and broker does to TCP what it is told to: nothing by itself. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { engineFile } from "../../../host-sim/engine-file.js";
import { Board, fixture } from "./board.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-link-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

interface Seen {
  connections: number;
  bytes: number;
  errors: string[];
}

for (const variant of ["release", "sanitize"] as const) {
  /** A server that behaves, and what it has seen in the end. */
  const withServer = async <T>(serve: (socket: Socket) => void, work: (port: number) => Promise<T>) => {
    const seen: Seen = { connections: 0, bytes: 0, errors: [] };
    const closed: Promise<void>[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      seen.connections++;
      socket.on("error", (error: NodeJS.ErrnoException) => seen.errors.push(error.code ?? error.message));
      socket.on("data", (data) => {
        seen.bytes += data.length;
      });
      socket.on("end", () => socket.end());
      closed.push(new Promise((resolve) => socket.on("close", () => resolve())));
      serve(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const result = await work((server.address() as { port: number }).port);
    await Promise.all(closed);
    await new Promise((resolve) => server.close(resolve));
    return { ...result, seen };
  };

  /** Answers, and when that is heard hangs up. */
  const polite = (socket: Socket) => {
    socket.once("data", () => socket.end("welcome"));
  };

  const hello = (orders: string[], serve: (socket: Socket) => void = polite) =>
    withServer(serve, async (port) => {
      const content = join(scratch, `${variant}-port.json`);
      writeFileSync(content, String(port));
      const board = new Board(await engineFile(variant), "link-client", {
        modules: [{ specifier: "port", path: content }],
      });
      for (const order of orders) board.send(order);
      const { end, traces } = await board.boot();
      assert.equal(end.reason, "sleep", end.detail);
      assert.equal(await board.stop(), 0, board.stderr);
      assert.equal(board.stderr, "");
      const said = traces.map((trace) => JSON.parse(trace) as { what: string; ms: number });
      return { end, what: said.map(({ what }) => what), ms: said.map(({ ms }) => ms) };
    });
  const all = ["connected", "heard welcome", "end"];

  test(`by itself it takes no time and loses nothing (${variant})`, async () => {
    const { what, end, seen } = await hello([]);
    assert.deepEqual(what, all);
    assert.deepEqual([end.segmentsLost, seen.bytes], [0, 5]);
    const { what: cleared, end: after } = await hello(["link loss 1000 1", "link refuse", "link clear"]);
    assert.deepEqual([cleared, after.segmentsLost], [all, 0]);
  });

  test(`a delay passes once each way, on the virtual clock (${variant})`, async () => {
    const delay = 5000;
    const { what, ms } = await hello([`link delay ${delay}`]);
    assert.deepEqual(what, all);
    assert.ok(ms[0]! >= 2 * delay && ms[0]! < 3 * delay, `connected after ${ms[0]}`);
    assert.ok(ms[1]! >= 4 * delay && ms[1]! < 5 * delay, `answered after ${ms[1]}`);
    assert.ok(ms[2]! >= ms[1]! && ms[2]! < 5 * delay, `ended after ${ms[2]}`);
  });

  test(`what is lost is sent again, later; when all is lost nothing arrives (${variant})`, async () => {
    const none = await hello(["link loss 1000 1"]);
    assert.deepEqual([none.what, none.seen.bytes], [["nothing"], 0]);
    assert.ok(none.end.segmentsLost > 5);
    let lost = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const { what, ms, end } = await hello([`link loss 300 ${seed * 7919}`]);
      assert.deepEqual(what, all, `seed ${seed}`);
      if (end.segmentsLost > 0) assert.ok(ms[1]! >= 200, `seed ${seed}: ${ms}`);
      lost += end.segmentsLost;
    }
    // The handshake, one segment up, one down: a third of a loss each, and then again.
    assert.ok(lost > 5 && lost < 40, `${lost} lost`);
  });

  test(`a seed loses the same segments again (${variant})`, async () => {
    const run = async () => (await hello(["link loss 400 99"])).end.segmentsLost;
    assert.equal(await run(), await run());
  });

  test(`refused: the broker sees nothing of it (${variant})`, async () => {
    const { what, seen } = await hello(["link refuse"]);
    assert.deepEqual([what, seen.connections], [["end"], 0]);
  });

  test(`stalled from the beginning: no connection comes about, time passes (${variant})`, async () => {
    const { what, ms, seen } = await hello(["link stall"]);
    assert.deepEqual([what, seen.connections], [["nothing"], 0]);
    assert.ok(ms[0]! >= 60_000);
  });

  for (const slow of [[], ["link delay 70"]]) {
    const how = slow.length ? "on a slow link, " : "";
    test(`${how}stalled at a word: the broker gets what is sent and is not heard any more (${variant})`, async () => {
      const { what, ms, seen } = await hello([...slow, 'link stall on "connected"']);
      assert.deepEqual(what, ["connected", "nothing"]);
      assert.ok(ms[1]! >= 60_000);
      assert.deepEqual([seen.connections, seen.bytes], [1, 5]);
    });

    test(`${how}reset at a word: the broker gets what is sent, both see the reset (${variant})`, async () => {
      const { what, seen } = await hello([...slow, 'link reset on "connected"']);
      assert.deepEqual(what, ["connected", "end"]);
      assert.deepEqual([seen.connections, seen.bytes, seen.errors], [1, 5, ["ECONNRESET"]]);
    });

    test(`${how}reset at a word comes even where nothing is answered (${variant})`, async () => {
      const { what, seen } = await hello([...slow, 'link reset on "connected"'], () => {});
      assert.deepEqual([what, seen.errors], [["connected", "end"], ["ECONNRESET"]]);
    });
  }

  test(`a power cut on a slow link leaves what had arrived, to the byte (${variant})`, async () => {
    for (const effects of [1, 3]) {
      const content = join(scratch, `${variant}-port.json`);
      const { seen, end } = await withServer(polite, async (port) => {
        writeFileSync(content, String(port));
        const board = new Board(await engineFile(variant), "link-client", {
          modules: [{ specifier: "port", path: content }],
        });
        board.send("link delay 40");
        board.send(`fault cut ${effects + 1}`);
        const { end } = await board.boot();
        await board.stop();
        return { end };
      });
      assert.deepEqual([end.reason, end.effects, seen.bytes], ["power-cut", effects, effects]);
    }
  });

  test(`before a silence packets are handed on one at a time, and as they are (${variant})`, async () => {
    const packets = [
      Buffer.from([0x20, 2, 0, 0]), // MQTT
      Buffer.concat([Buffer.from([0x17, 3, 3, 0, 10]), Buffer.alloc(10, 97)]), // a TLS record
      Buffer.concat([Buffer.from([0x30, 0x80, 1]), Buffer.alloc(128, 98)]), // a length of two bytes
      Buffer.from([0x40, 2, 0, 1]),
    ];
    const all = (socket: Socket) => {
      socket.once("data", () => socket.end(Buffer.concat(packets)));
    };
    const heard = ["connected", "heard 4 bytes", "heard 15 bytes", "heard 131 bytes", "heard 4 bytes"];
    assert.deepEqual((await hello(["link stall on never said"], all)).what, [...heard, "end"]);
    assert.deepEqual((await hello(["link stall on 131"], all)).what, [...heard.slice(0, 4), "nothing"]);
    assert.deepEqual((await hello(["link reset on 15"], all)).what, [...heard.slice(0, 3), "end"]);
  });

  for (const orders of [["link delay 40"], ["link loss 200 5"], ["link delay 25", "link loss 100 77"]])
    test(`${orders.join(", ")}: many bytes go out as room allows and come back in order (${variant})`, async () => {
      let echoed = 0;
      const { traces, end } = await withServer(
        (socket) => {
          socket.on("data", (data) => {
            echoed += data.length;
            socket.write(data);
            if (echoed === 20000) socket.end();
          });
        },
        async (port) => {
          const content = join(scratch, `${variant}-rtc.json`);
          const main = join(scratch, `${variant}-main.js`);
          writeFileSync(content, JSON.stringify([port >> 8, port & 255, 0]));
          writeFileSync(main, 'import "set-rtc";\nimport "client";\n');
          const board = new Board(await engineFile(variant), main, {
            modules: [
              { specifier: "set-rtc", path: fixture("set-rtc.js") },
              { specifier: "rtc-content", path: content },
              { specifier: "client", path: fixture("tcp-client.js") },
            ],
          });
          for (const order of orders) board.send(order);
          const boot = await board.boot();
          assert.equal(await board.stop(), 0, board.stderr);
          assert.equal(board.stderr, "");
          return boot;
        },
      );
      assert.deepEqual(traces.slice(-3), ["end 20000 20000 0 5744", "write after the end ", "closed closed"]);
      assert.deepEqual([end.bytesUp, end.bytesDown], [20000, 20000]);
    });
}
