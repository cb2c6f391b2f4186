import assert from "node:assert/strict";
import { test } from "node:test";
import { Station } from "../../../host-sim/world/access-point.js";
import { answer, quietWorld, type World } from "../../../host-sim/world/network.js";
import { Prng } from "../../../host-sim/world/prng.js";

const world = {
  ...quietWorld(
    { ssid: "burrow", password: "nuts" },
    { "Broker.dormouse.test": "127.0.0.1", "gone.test": "" },
  ),
  systemNames: false,
};
const wifi = (ssid: string, password: string) => JSON.stringify({ ssid, password });
/** Of a board that has joined and has its address, unless it is another's `station`. */
const ask = (kind: string, detail: string, atMs = 0, station = joined(), of: World = world) =>
  answer(of, new Prng(1), kind, detail, atMs, station);

function joined(atMs = 0): Station {
  const station = new Station();
  station.join(world.accessPoints[0]!, undefined);
  station.lease(atMs);
  return station;
}

const [point] = world.accessPoints as [World["accessPoints"][number]];
const granted = "192.168.4.23 255.255.255.0 192.168.4.1 192.168.4.1 86400";

test("joins an access point it knows, in plausible time and strength, and is granted an address", async () => {
  const station = new Station();
  const { text, advanceMs } = await ask("wifi", wifi("burrow", "nuts"), 0, station);
  assert.match(text, /^ok 02:00:5e:00:53:01 6 -(5[4-9]|6[0-2]) silent$/);
  const lease = await ask("dhcp", "", advanceMs, station);
  assert.equal(lease.text, granted);
  const together = advanceMs + lease.advanceMs;
  assert.ok(together >= 900 + 450 && together <= 1600 + 700, `${together} ms`);
});

test("tells a missing access point from a wrong password", async () => {
  assert.equal((await ask("wifi", wifi("other", "nuts"))).text, "failed no-access-point");
  assert.equal((await ask("wifi", wifi("burrow", "nut"))).text, "failed wrong-password");
});

test("joins the access point that is named by BSSID and channel without a scan, or none", async () => {
  const at = (bssid: string, channel: number) =>
    ask("wifi", JSON.stringify({ ssid: "burrow", password: "nuts", bssid, channel }));
  const { text, advanceMs } = await at(point.bssid, 6);
  assert.match(text, /^ok 02:00:5e:00:53:01 6 /);
  assert.ok(advanceMs <= world.associateMs[1] + world.keyMs[1]);
  for (const other of [at(point.bssid, 7), at("02:00:5e:00:53:02", 6)])
    assert.equal((await other).text, "failed no-access-point");
});

test("an address from memory is heard while the lease lasts and the server means it for this board", async () => {
  const day = 86_400_000;
  const moved = { ...world, accessPoints: [{ ...point, address: "10.0.0.9" }] };
  const cases: [string, string, number, World, "reached" | "silent"][] = [
    ["its own", "192.168.4.23", day - 1, world, "reached"],
    ["run out", "192.168.4.23", day, world, "silent"],
    ["another's", "192.168.4.24", 0, world, "silent"],
    ["of the network that was", "192.168.4.23", 0, moved, "silent"],
  ];
  for (const [name, address, atMs, of, expected] of cases) {
    const station = joined();
    const question = { ssid: "burrow", password: "nuts", static: { address, nameServer: "192.168.4.1" } };
    const { text } = await ask("wifi", JSON.stringify(question), atMs, station, of);
    assert.ok(text.endsWith(` ${expected}`), name);
    const known = await ask("dns", "broker.dormouse.test", atMs, station, of);
    assert.equal(known.text, expected === "reached" ? "127.0.0.1" : "", name);
    const time = await ask("sntp", "time.test", atMs, station, of);
    assert.equal(time.text !== "", expected === "reached", name);
  }
});

test("a board that stays joined keeps its address by DHCP for as long as the server means it for this board", async () => {
  const station = joined();
  const week = 7 * 86_400_000;
  assert.equal((await ask("dns", "broker.dormouse.test", week, station)).text, "127.0.0.1");
  const other = { ...world, accessPoints: [{ ...point, address: "10.0.0.9" }] };
  await ask("dhcp", "", week, station, other);
  assert.equal((await ask("dns", "broker.dormouse.test", week, station, other)).text, "127.0.0.1");
});

test("a board with an address but no name server resolves nothing", async () => {
  const station = joined();
  const question = { ssid: "burrow", password: "nuts", static: { address: "192.168.4.23" } };
  await ask("wifi", JSON.stringify(question), 0, station);
  assert.equal((await ask("dns", "broker.dormouse.test", 0, station)).text, "");
});

test("resolves names of its table in any case, addresses as they are, and nothing else", async () => {
  assert.equal((await ask("dns", "broker.Dormouse.test")).text, "127.0.0.1");
  assert.equal((await ask("dns", "broker.dormouse.test.")).text, "127.0.0.1");
  assert.deepEqual(await ask("dns", "192.0.2.1"), { text: "192.0.2.1", advanceMs: 0 });
  assert.equal((await ask("dns", "gone.test")).text, "");
  assert.equal((await ask("dns", "unknown.test")).text, "");
});

test("asks the machine for names outside the table, when it may", async () => {
  const { text } = await ask("dns", "localhost", 0, joined(), { ...world, systemNames: true });
  assert.equal(text, "127.0.0.1");
});

test("tells the virtual clock's time at the answer's arrival", async () => {
  const at = Date.UTC(2031, 0, 1);
  const { text, advanceMs } = await ask("sntp", "time.test", at, joined(at));
  assert.equal(text, String(Math.floor((at + advanceMs) / 1000)));
  const silent = await ask("sntp", "time.test", at, joined(at), { ...world, timeServers: false });
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

const many = async (more: Partial<World>, kind: string, detail = "broker.dormouse.test") => {
  const random = new Prng(11);
  const station = new Station();
  const lived = { ...world, ...more };
  await answer(lived, random, "wifi", wifi("burrow", "nuts"), 0, station);
  await answer({ ...lived, loss: 0 }, random, "dhcp", "", 0, station);
  const replies = [];
  for (let n = 0; n < 400; n++) replies.push(await answer(lived, random, kind, detail, 1000, station));
  return replies;
};

test("a slow link delays questions and answers, an association it does not", async () => {
  for (const kind of ["dns", "sntp", "dhcp"])
    for (const { advanceMs } of await many({ delayMs: 300 }, kind)) assert.ok(advanceMs >= 600, kind);
  for (const { advanceMs } of await many({ delayMs: 5000 }, "wifi", wifi("burrow", "nuts")))
    assert.ok(advanceMs < 5000);
  const [address] = await many({ delayMs: 300 }, "dns", "192.0.2.1");
  assert.equal(address?.advanceMs, 0);
});

test("what is lost is asked again until the client gives up; when all is lost nothing comes", async () => {
  for (const [kind, mostMs] of [
    ["dns", 7000],
    ["sntp", 25_000],
    ["dhcp", 16_000],
  ] as const) {
    for (const { text, advanceMs } of await many({ loss: 1 }, kind))
      assert.deepEqual([text, advanceMs], ["", mostMs], kind);
    const some = await many({ loss: 0.3 }, kind);
    const lost = some.filter(({ text }) => text === "").length / some.length;
    // A question or its answer: 51 %; four tries, of SNTP one.
    const expected = kind === "sntp" ? 0.51 : 0.51 ** 4;
    assert.ok(Math.abs(lost - expected) < 0.07, `${kind}: ${lost} for ${expected}`);
    const quick = await many({ loss: 0 }, kind);
    assert.ok(quick.every(({ text }) => text !== ""));
    if (kind === "sntp") continue;
    const late = some.filter(({ text, advanceMs }) => text !== "" && advanceMs >= 1000).length / some.length;
    assert.ok(late > 0.3 && late < 0.6, `${kind}: ${late} late`);
  }
});

test("a scan tells of the networks in sight, in no more than the engine takes", async () => {
  const many = Array.from({ length: 20 }, (_, n) => ({
    ...point,
    ssid: `${n}${"é".repeat(15)}`,
    password: n ? "p" : "",
  }));
  const { text, advanceMs } = await ask("scan", "", 0, new Station(), { ...world, accessPoints: many });
  const found = JSON.parse(text) as {
    SSID: string;
    BSSID: string;
    channel: number;
    RSSI: number;
    security: string;
  }[];
  assert.ok(Buffer.byteLength(text) < 1024 && advanceMs > 1000);
  assert.equal(found.length, 8);
  assert.deepEqual(
    [found[0]!.SSID, found[0]!.security, found[1]!.security],
    [many[0]!.ssid, "none", "wpa2_psk"],
  );
});

test("a world that welcomes everybody has each network that is asked for, and only then", async () => {
  const open = { ...world, welcomes: true };
  assert.match((await ask("wifi", wifi("anything", "goes"), 0, new Station(), open)).text, /^ok /);
  assert.match((await ask("wifi", wifi("anything", "goes"))).text, /^failed/);
});
