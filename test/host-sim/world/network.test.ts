import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, quietWorld } from "../../../host-sim/world/network.js";
import { Prng } from "../../../host-sim/world/prng.js";

const world = {
  ...quietWorld(
    { ssid: "burrow", password: "nuts" },
    { "Broker.dormouse.test": "127.0.0.1", "gone.test": "" },
  ),
  systemNames: false,
};
const wifi = (ssid: string, password: string) => JSON.stringify({ ssid, password });
const ask = (kind: string, detail: string, atMs = 0, seed = 1) =>
  answer(world, new Prng(seed), kind, detail, atMs);

test("joins an access point it knows, in plausible time and strength", async () => {
  const { text, advanceMs } = await ask("wifi", wifi("burrow", "nuts"));
  assert.match(text, /^ok 192\.168\.4\.23 -(5[4-9]|6[0-2]) 6$/);
  assert.ok(advanceMs >= 900 && advanceMs <= 1600);
});

test("tells a missing access point from a wrong password", async () => {
  assert.equal((await ask("wifi", wifi("other", "nuts"))).text, "failed no-access-point");
  assert.equal((await ask("wifi", wifi("burrow", "nut"))).text, "failed wrong-password");
});

test("resolves names of its table in any case, addresses as they are, and nothing else", async () => {
  assert.equal((await ask("dns", "broker.Dormouse.test")).text, "127.0.0.1");
  assert.equal((await ask("dns", "broker.dormouse.test.")).text, "127.0.0.1");
  assert.deepEqual(await ask("dns", "192.0.2.1"), { text: "192.0.2.1", advanceMs: 0 });
  assert.equal((await ask("dns", "gone.test")).text, "");
  assert.equal((await ask("dns", "unknown.test")).text, "");
});

test("asks the machine for names outside the table, when it may", async () => {
  const { text } = await answer({ ...world, systemNames: true }, new Prng(1), "dns", "localhost", 0);
  assert.equal(text, "127.0.0.1");
});

test("tells the virtual clock's time at the answer's arrival", async () => {
  const at = Date.UTC(2031, 0, 1);
  const { text, advanceMs } = await ask("sntp", "time.test", at);
  assert.equal(text, String(Math.round((at + advanceMs) / 1000)));
  const silent = await answer({ ...world, timeServers: false }, new Prng(1), "sntp", "time.test", at);
  assert.equal(silent.text, "");
});

test("a seed repeats a world, another seed gives another", async () => {
  const run = async (seed: number) => {
    const random = new Prng(seed);
    const replies = [];
    for (let n = 0; n < 20; n++) replies.push(await answer(world, random, "wifi", wifi("burrow", "nuts"), 0));
    return replies;
  };
  assert.deepEqual(await run(7), await run(7));
  assert.notDeepEqual(await run(7), await run(8));
});

test("a kind of question that does not exist is an error", async () => {
  await assert.rejects(ask("bluetooth", ""), RangeError);
});

test("streams of one seed do not disturb each other", () => {
  const alone = new Prng(9).stream("wifi");
  const busy = new Prng(9);
  busy.next();
  assert.equal(busy.stream("wifi").next(), alone.next());
  assert.notEqual(new Prng(9).stream("dns").next(), new Prng(9).stream("wifi").next());
});

test("whole numbers reach both ends, evenly enough", () => {
  const random = new Prng(3);
  const counts = [0, 0, 0, 0];
  for (let n = 0; n < 4000; n++) counts[random.whole(0, 3)]!++;
  for (const count of counts) assert.ok(count > 900 && count < 1100, counts.join());
});
