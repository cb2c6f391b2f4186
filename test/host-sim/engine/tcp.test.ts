/** `embedded:io/socket/tcp` over loopback: as on a board it takes IP addresses, and no more than it has room for. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { engineFile } from "../../../host-sim/engine-file.js";
import { Board, type Boot, fixture } from "./board.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-tcp-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const order = ["echo", "hopeless", "numbers", "wrong", "abandoned", "throwing", "closing"];

async function listen(onSocket: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as { port: number }).port };
}

for (const variant of ["release", "sanitize"] as const) {
  const run = async (scenario: string, port: number): Promise<Boot> => {
    const content = join(scratch, `${variant}-${scenario}.json`);
    const main = join(scratch, `${variant}-${scenario}.js`);
    writeFileSync(content, JSON.stringify([port >> 8, port & 255, order.indexOf(scenario)]));
    writeFileSync(main, 'import "set-rtc";\nimport "client";\n');
    const board = new Board(await engineFile(variant), main, {
      modules: [
        { specifier: "set-rtc", path: fixture("set-rtc.js") },
        { specifier: "rtc-content", path: content },
        { specifier: "client", path: fixture("tcp-client.js") },
      ],
    });
    const boot = await board.boot();
    assert.equal(await board.stop(), 0, board.stderr);
    assert.equal(board.stderr, "");
    return boot;
  };

  const withServer = async (scenario: string, onSocket: (socket: Socket) => void): Promise<Boot> => {
    const { server, port } = await listen(onSocket);
    const boot = await run(scenario, port);
    server.close();
    return boot;
  };

  test(`bytes go out as room allows and come back in order (${variant})`, async () => {
    let echoed = 0;
    const { traces, end } = await withServer("echo", (socket) => {
      socket.on("data", (data) => {
        echoed += data.length;
        socket.write(data);
        if (echoed === 20000) socket.end();
      });
    });
    assert.deepEqual(traces, [
      "not ready not ready",
      "nothing to read ",
      "connected true 127.0.0.1 true buffer",
      "too much would block",
      "end 20000 20000 0 5744",
      "write after the end ",
      "closed closed",
    ]);
    assert.equal(end.reason, "sleep", end.detail);
    assert.deepEqual([end.bytesUp, end.bytesDown], [20000, 20000]);
  });

  test(`a refused connection is an error, not an exception (${variant})`, async () => {
    const { server, port } = await listen(() => {});
    await new Promise((resolve) => server.close(resolve));
    const { traces, end } = await run("hopeless", port);
    assert.deepEqual(traces, ["error"]);
    assert.equal(end.reason, "sleep");
  });

  test(`a reset connection is an error (${variant})`, async () => {
    const { traces } = await withServer("hopeless", (socket) => socket.resetAndDestroy());
    assert.equal(traces.at(-1), "error");
  });

  test(`what came before the end is read before the end is told (${variant})`, async () => {
    const { traces } = await withServer("hopeless", (socket) => socket.end("goodbye"));
    assert.deepEqual(
      traces.filter((text) => text !== "connected"),
      ["readable 7", "too many invalid", "error"],
    );
  });

  test(`format number moves bytes one at a time (${variant})`, async () => {
    const { traces } = await withServer("numbers", (socket) => socket.pipe(socket));
    assert.deepEqual(traces, ["number 1,2,255"]);
  });

  test(`wrong arguments throw as on a board (${variant})`, async () => {
    const { traces } = await run("wrong", 1);
    assert.deepEqual(traces, [
      "name invalid address",
      "host invalid address",
      "port invalid port",
      "format unimplemented",
      "callback callback is no function",
      "options no options",
      "true",
      "true",
    ]);
  });

  test(`sleep closes the sockets it leaves behind (${variant})`, async () => {
    const closed = new Promise<void>((resolve) => {
      withServer("abandoned", (socket) => {
        socket.resume();
        socket.on("close", () => resolve());
        socket.on("end", () => socket.end());
      }).then(({ end }) => assert.equal(end.reason, "sleep"));
    });
    await closed;
  });

  test(`an exception in a callback ends the boot (${variant})`, async () => {
    const { end } = await withServer("throwing", () => {});
    assert.equal(end.reason, "exception");
    assert.match(end.detail, /^Error: in onWritable \(.*tcp-client\.js:\d+\)$/);
  });

  test(`a socket closed in its callback is silent (${variant})`, async () => {
    const { traces } = await withServer("closing", (socket) => {
      socket.pipe(socket);
    });
    assert.deepEqual(traces, ["closed"]);
  });
}
