/** Timers, promise jobs and questions to the world, on the virtual clock. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { engineFile } from "../../../host-sim/engine-file.js";
import { Board, start } from "./board.js";

const boards: Board[] = [];
after(async () => {
  for (const board of boards) {
    assert.equal(await board.stop(), 0, board.stderr);
    assert.equal(board.stderr, "");
  }
});

/** Times that nothing delays are exact; real time may add a little. */
function near(actual: readonly string[], expected: readonly string[]): void {
  const split = (text: string): [number, string] => [Number.parseInt(text, 10), text.replace(/^\d+ /, "")];
  assert.deepEqual(
    actual.map((text) => split(text)[1]),
    expected.map((text) => split(text)[1]),
  );
  for (const [i, text] of actual.entries()) {
    const late = split(text)[0] - split(expected[i]!)[0];
    assert.ok(late >= 0 && late < 300, `${text}, expected ${expected[i]}`);
  }
}

for (const variant of ["release", "sanitize"] as const)
  test(`timers, promises and the world's answers come in order (${variant})`, async () => {
    const board = new Board(await engineFile(variant), "timers");
    boards.push(board);
    const startedAt = Date.now();
    const order = await board.boot();
    near(order.traces, [
      "0 main",
      "0 promise",
      "0 0",
      "0 0 its promise",
      "0 0 next",
      "10 10 first",
      "10 10 second",
      "30 30",
      "60 moved",
      "100 first, then every 700",
      "800 first, then every 700",
      "1000 repeat 1 true",
      "2000 repeat 2 true",
      "3000 repeat 3 true",
      "4000 delayed",
    ]);

    const asked: string[] = [];
    const lease = "192.168.4.2 255.255.255.0 192.168.4.1 192.168.4.1 3600";
    const answers = [
      "1200 ok 02:00:5e:00:53:01 6 -61 silent",
      `300 ${lease}`,
      "40 127.0.0.1",
      "40 ",
      "80 1767230000",
      "5000 ",
    ];
    board.onAsk = (kind, detail, id) => {
      asked.push(`${kind} ${detail}`);
      return `answer ${id} ${answers[asked.length - 1]}`;
    };
    const join = await board.boot("deep-sleep", start + 10000);
    near(join.traces, [
      "0 already connecting",
      "0 300",
      "700 while joining",
      "1200 connection 400 undefined -61 6",
      "1500 connection 500 192.168.4.2 -61 6",
      "1500 address 500 192.168.4.2 -61 6",
      "1540 broker.local 127.0.0.1",
      "1580 nowhere.local undefined",
      "1660 1 1767230000",
      "1660 2026-01-01T01:13:20",
      "6660 -1 no response from SNTP server",
      "6660 200 undefined",
    ]);
    assert.deepEqual(asked, [
      'wifi {"ssid":"home","password":"secret"}',
      "dhcp ",
      "dns broker.local",
      "dns nowhere.local",
      "sntp pool.ntp.org",
      "sntp silent",
    ]);

    board.onAsk = (_kind, _detail, id) => `answer ${id} 900 failed no-access-point`;
    near((await board.boot("deep-sleep", start + 20000)).traces, ["900 connection 200"]);

    board.onAsk = (_kind, _detail, id) => `never ${id}`;
    near((await board.boot("deep-sleep", start + 30000)).traces, ["20000 gave up"]);

    board.onAsk = (_kind, _detail, id) => `answer ${id} 10 failed late`;
    assert.equal((await board.boot("deep-sleep", start + 60000)).end.reason, "sleep");

    asked.length = 0;
    board.onAsk = (kind, detail, id) => {
      asked.push(`${kind} ${detail}`);
      if (kind === "wifi" && asked.length === 1) return `answer ${id} 90 failed no-access-point`;
      if (kind === "wifi") return `answer ${id} 200 ok 02:00:5e:00:53:01 6 -61 silent`;
      return `answer ${id} 300 ${lease}`;
    };
    near((await board.boot("deep-sleep", start + 70000)).traces, [
      "1000 200",
      "1200 connection 500 10.0.0.7 02:00:5e:00:53:01 undefined",
      "1200 address 500 10.0.0.7 02:00:5e:00:53:01 undefined",
      "6200 silence",
      "6200 connection 400 undefined 02:00:5e:00:53:01 undefined",
      "6500 connection 500 192.168.4.2 02:00:5e:00:53:01 3600",
      "6500 address 500 192.168.4.2 02:00:5e:00:53:01 3600",
      "6500 refused",
    ]);
    const aimed = '"bssid":"02:00:5e:00:53:01","channel":6';
    const fixed = '"static":{"address":"10.0.0.7","nameServer":"10.0.0.1"}';
    assert.deepEqual(asked, [
      `wifi {"ssid":"home","password":"",${aimed},${fixed}}`,
      `wifi {"ssid":"home","password":"",${aimed},${fixed}}`,
      "dhcp ",
    ]);
    assert.ok(Date.now() - startedAt < 10000, "virtual time is not waited for");
  });

test("with --realtime a timer takes its time", async () => {
  const board = new Board(await engineFile("release"), "timers", {}, undefined, ["--realtime"]);
  boards.push(board);
  const startedAt = Date.now();
  await board.boot();
  const took = Date.now() - startedAt;
  assert.ok(took >= 4000 && took < 6000, `${took} ms`);
});
