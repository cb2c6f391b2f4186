/** The board's power fails exactly where it is told to: between two effects, within one, after so many bytecodes. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { engineFile } from "../../../host-sim/engine-file.js";
import { decodeFlash } from "../../../host-sim/flash.js";
import { Board, type Boot } from "./board.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-supply-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** What each of the fixture's 15 effects leaves: RTC memory's first bytes, flash's entry, bytes on the wire. */
const states: [rtc: number[], flash: number | undefined, wire: number][] = [
  [[0, 0, 0, 0, 0], undefined, 0],
  [[1, 1, 1, 1, 0], undefined, 0],
  [[1, 1, 1, 1, 0], 1, 0],
  ...Array.from({ length: 10 }, (_, i): [number[], number, number] => [[1, 1, 1, 1, 0], 1, i + 1]),
  [[2, 2, 2, 2, 2], 1, 10],
  [[2, 2, 2, 2, 2], 2, 10],
  [[2, 2, 2, 2, 2], undefined, 10],
];

for (const variant of ["release", "sanitize"] as const) {
  let engine: string;
  let port: number;
  let wire: Promise<number>;
  let heard: (bytes: number) => void;
  const server = createServer((socket) => {
    let bytes = 0;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      bytes += data.length;
      socket.write(data);
    });
    socket.on("close", () => heard(bytes));
  });
  before(async () => {
    engine = await engineFile(variant);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as { port: number }).port;
  });
  after(() => server.close());

  /** One boot of a new board under these orders, and what it leaves. */
  const cut = async (orders: string[], after: (board: Board) => Promise<void> = async () => {}) => {
    const content = join(scratch, `${variant}-port.json`);
    writeFileSync(content, String(port));
    wire = new Promise((resolve) => {
      heard = resolve;
    });
    const board = new Board(engine, "effects", { modules: [{ specifier: "port", path: content }] });
    for (const order of orders) board.send(order);
    const boot: Boot = await board.boot();
    const rtc = [...(await board.readRtc()).slice(0, 5)];
    const flash = board.flashExists() ? decodeFlash(readFileSync(board.flash)) : [];
    await after(board);
    assert.equal(await board.stop(), 0, board.stderr);
    assert.equal(board.stderr, "");
    return { ...boot, rtc, flash: flash.find(({ key }) => key === "a")?.value };
  };

  test(`a cut before the N-th effect leaves N-1, to the byte (${variant})`, async () => {
    for (const [before, [rtc, flash, bytes]] of states.entries()) {
      const { end, ...left } = await cut([`fault cut ${before + 1}`]);
      assert.equal(end.reason, before === 15 ? "sleep" : "power-cut", `effect ${before + 1}`);
      assert.equal(end.effects, before);
      assert.deepEqual([left.rtc, left.flash], [rtc, flash], `effect ${before + 1}`);
      if (before > 1) assert.equal(await wire, bytes, `effect ${before + 1}`);
    }
  });

  test(`with tear a write of RTC memory is begun, nothing else is (${variant})`, async () => {
    const torn = async (order: string) => {
      const { rtc, flash, end } = await cut([order]);
      assert.equal(end.reason, "power-cut");
      return [rtc, flash, end.effects];
    };
    assert.deepEqual(await torn("fault cut 13 tear"), [[2, 2, 1, 1, 0], 1, 12]);
    assert.deepEqual(await torn("fault cut 13 tear 0"), [[1, 1, 1, 1, 0], 1, 12]);
    assert.deepEqual(await torn("fault cut 13 tear 4"), [[2, 2, 2, 2, 0], 1, 12]);
    assert.deepEqual(await torn("fault cut 13 tear 400"), [[2, 2, 2, 2, 2], 1, 12]);
    assert.deepEqual(await torn("fault cut 14 tear"), [[2, 2, 2, 2, 2], 1, 13]);
    assert.deepEqual(await torn("fault cut 2 tear"), [[1, 1, 1, 1, 0], undefined, 1]);
  });

  test(`what a cut boot did not write the next does not see; one order cuts one boot (${variant})`, async () => {
    await cut(["fault cut 14"], async (board) => {
      const { traces, end } = await board.boot("brown-out");
      assert.equal(traces[0], "rtc 2,2,2,2,2 flash 1");
      assert.deepEqual([end.reason, end.effects], ["sleep", 15]);
    });
    await cut(["fault cut 15"], async (board) => {
      assert.equal((await board.boot("power-on")).traces[0], "rtc 0,0,0,0,0 flash 2");
    });
  });

  test(`power fails where the log says so (${variant})`, async () => {
    const { end, traces } = await cut(["fault cut on all ech"]);
    assert.deepEqual([end.reason, end.effects, traces.at(-1)], ["power-cut", 12, "all echoed"]);
    assert.equal((await cut(["fault brownout on all ech"])).end.reason, "brown-out");
    assert.equal((await cut(["fault cut on all ech", "fault power"])).end.reason, "sleep");
  });

  test(`a brown-out comes after so many bytecodes, in an empty loop too (${variant})`, async () => {
    const quiet = await cut([]);
    const codes = quiet.end.bytecodes;
    for (const after of [1, 100, codes - 500, codes - 2000]) {
      const { end, rtc } = await cut([`fault brownout ${after}`]);
      assert.equal(end.reason, "brown-out");
      assert.ok(end.bytecodes >= after && end.bytecodes < after + 300, `${end.bytecodes} after ${after}`);
      assert.deepEqual(rtc, after <= 100 ? [0, 0, 0, 0, 0] : [2, 2, 2, 2, 2]);
    }
    assert.equal((await cut([`fault brownout ${codes + 1000}`])).end.reason, "sleep");
  });
}
