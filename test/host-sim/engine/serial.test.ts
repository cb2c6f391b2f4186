/** `embedded:io/serial` and the pseudo-terminal at its other end: what gets through, when, and what does not. */
import assert from "node:assert/strict";
import { lstatSync, mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { engineFile } from "../../../host-sim/engine-file.js";
import { Board, type Boot, start } from "./board.js";
import { Terminal } from "./terminal.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-serial-"));
/** Those that a test did not come to stop. */
const running = new Set<Board>();
after(() => {
  for (const board of running) board.kill();
  rmSync(scratch, { recursive: true, force: true });
});

const all = Uint8Array.from({ length: 256 }, (_, n) => n).filter(
  (byte) => !"QRLF?".includes(String.fromCharCode(byte)),
);
let ports = 0;

interface Echo {
  readonly board: Board;
  readonly link: string;
  readonly boot: Promise<Boot>;
  /** Waits until the firmware has opened its port. */
  readonly opened: Promise<void>;
}

describe("a serial port", { concurrency: 6, timeout: 60_000 }, () => {
  for (const variant of ["release", "sanitize"] as const) {
    const echo = async (...orders: string[]): Promise<Echo> => {
      const link = join(scratch, `port-${++ports}`);
      const board = new Board(await engineFile(variant), "serial-echo", {}, undefined, ["--serial", link]);
      const opened = new Promise<void>((resolve) => {
        board.onTrace = (text) => text === "open" && resolve();
      });
      running.add(board);
      for (const order of orders) board.send(order);
      return { board, link, boot: board.boot(), opened };
    };

    /** Sleeps at Q, and nothing is left. */
    const end = async ({ board, link, boot }: Echo, host?: Terminal): Promise<Boot> => {
      host?.write("Q");
      const ended = await boot;
      assert.equal(await board.stop(), 0, board.stderr);
      running.delete(board);
      assert.equal(board.stderr, "");
      assert.equal(lstatSync(link, { throwIfNoEntry: false }), undefined);
      return ended;
    };

    test(`every byte goes both ways as it is, and the log beside them (${variant})`, async () => {
      const device = await echo();
      await device.opened;
      assert.match(readlinkSync(device.link), /^\/dev\//);
      const host = new Terminal(device.link);
      host.write(all);
      await host.until(() => host.received.length >= all.length);
      assert.deepEqual([...host.received], [...all]);
      host.write("L");
      await host.hear("a log line\n");
      const { end: ended } = await end(device, host);
      host.close();
      assert.equal(ended.reason, "sleep", ended.detail);
      assert.ok(ended.at - start < 5000, "in real time");
    });

    test(`who closes the port may open it again, and finds nothing that was meant for another (${variant})`, async () => {
      const device = await echo();
      await device.opened;
      for (const word of ["first", "second"]) {
        const host = new Terminal(device.link);
        host.write(word);
        await host.hear(word);
        assert.equal(host.received.toString(), word);
        host.write("lost");
        await wait(20);
        host.close();
        await wait(20);
      }
      const last = new Terminal(device.link);
      await end(device, last);
      last.close();
    });

    test(`what nobody reads makes the firmware's write throw, and holds up nothing (${variant})`, async () => {
      const device = await echo();
      await device.opened;
      const host = new Terminal(device.link);
      host.write("F");
      host.write("Z".repeat(4000));
      const fill = setInterval(() => host.write("FL".repeat(100)), 5);
      await wait(500);
      clearInterval(fill);
      const { end: ended, traces } = await end(device, host);
      host.close();
      assert.equal(ended.reason, "sleep", ended.detail);
      assert.deepEqual(traces.slice(0, 2), ["open", "output full after 128"]);
      assert.equal(traces.at(-1), "a log line");
      assert.equal(traces.at(-2), "output full after 0");
    });

    test(`without anybody the clock stands still for nobody: it jumps as ever without a port (${variant})`, async () => {
      const board = new Board(await engineFile(variant), "serial-alone");
      const before = Date.now();
      const { end: ended, traces } = await board.boot();
      assert.equal(await board.stop(), 0, board.stderr);
      assert.ok(Date.now() - before < 5000);
      assert.ok(ended.at - start >= 600_000);
      assert.deepEqual(traces, [
        "writable 128",
        "invalid port",
        "invalid baud",
        "invalid",
        "in use",
        "10 minutes",
      ]);
    });

    test(`with a port ten minutes pass at once when the world is told to hurry, and only then (${variant})`, async () => {
      const device = await echo("line hurry");
      await device.opened;
      const { reason } = (await end(device)).end;
      assert.equal(reason, "deadlock", "nothing can come any more");
    });

    test(`bytes come one at a time when the line is told so, either way (${variant})`, async () => {
      const device = await echo("line single");
      await device.opened;
      const host = new Terminal(device.link);
      host.write("one at a time");
      await host.hear("one at a time");
      host.write("?");
      await host.hear("most 1\n");
      const sentMs = performance.now();
      host.write("x".repeat(300));
      await host.hear("x".repeat(300));
      assert.ok(performance.now() - sentMs >= 30, "with a tenth of a millisecond between them");
      await end(device, host);
      host.close();
    });

    /** What becomes of 500 digits there and back. */
    const disturbed = async (...orders: string[]): Promise<string> => {
      const device = await echo(...orders);
      await device.opened;
      const host = new Terminal(device.link);
      for (let n = 0; n < 10; n++) host.write("0123456789".repeat(5));
      await host.untilQuiet();
      const received = host.received.toString("latin1");
      device.board.send("line clear");
      await wait(50);
      await end(device, host);
      host.close();
      return received;
    };

    test(`noise, loss and repetition each do what they say, the same again for the same seed (${variant})`, async () => {
      const clean = "0123456789".repeat(50);
      const all = ["line noise 20", "line loss 20", "line repeat 20"];
      const [noise, loss, repeat, one, same, other] = await Promise.all([
        disturbed("line noise 50", "line seed 9"),
        disturbed("line loss 50", "line seed 9"),
        disturbed("line repeat 50", "line seed 9"),
        disturbed(...all, "line seed 1"),
        disturbed(...all, "line seed 1"),
        disturbed(...all, "line seed 2"),
      ]);
      assert.ok(noise.length >= 500 && /[^0-9]/.test(noise), noise);
      assert.ok(loss.length > 420 && loss.length < 480 && /^[0-9]*$/.test(loss), loss);
      assert.equal(repeat.replace(/(.)\1+/g, "$1"), clean);
      assert.ok(repeat.length > 520 && repeat.length < 580);
      assert.equal(one, same);
      assert.notEqual(one, other);
    });

    test(`what is sent while the firmware does not listen is lost (${variant})`, async () => {
      const link = join(scratch, `port-${++ports}`);
      const board = new Board(await engineFile(variant), "serial-echo", {}, undefined, ["--serial", link]);
      running.add(board);
      assert.equal((await board.next())?.type, "ready");
      const host = new Terminal(link);
      host.write("early");
      const opened = new Promise<void>((resolve) => {
        board.onTrace = (text) => text === "open" && resolve();
      });
      const device = { board, link, opened, boot: board.boot() };
      await opened;
      host.write("late");
      await host.hear("late");
      assert.equal(host.received.toString(), "open\nlate");
      await end(device, host);
      host.close();
    });

    for (const [way, heard] of [
      ["in", 4],
      ["out", 7],
      ["any", 2],
    ] as const)
      test(`a cut after 7 bytes ${way} unplugs the port there, and it comes back (${variant})`, async () => {
        const device = await echo();
        await device.opened;
        const host = new Terminal(device.link);
        device.board.send(`line cut ${way} 7`);
        await wait(20);
        host.write("12345");
        await wait(20);
        if (way !== "any") host.write("67890");
        await host.until(() => host.gone);
        assert.ok(host.gone && lstatSync(device.link, { throwIfNoEntry: false }) === undefined);
        assert.equal(host.received.length, { in: 5, out: 7, any: 2 }[way], `${heard}`);
        host.close();
        device.board.send("line plug");
        await until(() => lstatSync(device.link, { throwIfNoEntry: false }) !== undefined);
        const again = new Terminal(device.link);
        again.write("again");
        await again.hear("again");
        await end(device, again);
        again.close();
      });

    test(`a port without its cable comes to nothing, and the board lives on (${variant})`, async () => {
      const device = await echo();
      await device.opened;
      const host = new Terminal(device.link);
      device.board.send("line unplug");
      await host.until(() => host.gone);
      host.close();
      device.board.send("line unplug");
      device.board.send("line plug");
      device.board.send("line plug");
      await until(() => lstatSync(device.link, { throwIfNoEntry: false }) !== undefined);
      const again = new Terminal(device.link);
      again.write("there");
      await again.hear("there");
      await end(device, again);
      again.close();
    });
  }
});

async function until(holds: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 2000; !holds(); await wait(2))
    assert.ok(Date.now() < endMs, "not within 2 s");
}
