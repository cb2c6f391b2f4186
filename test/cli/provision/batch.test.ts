import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Register } from "../../../backend/fleet/register.js";
import { provisionBatch } from "../../../cli/provision/batch.js";
import { OperatorError } from "../../../cli/report.js";
import { FakeBoard } from "./fake-board.js";
import { Scene } from "./scene.js";

const scene = new Scene();
const boards: FakeBoard[] = [];
let profile: string;

async function plugged(...words: ConstructorParameters<typeof FakeBoard>): Promise<FakeBoard> {
  const board = new FakeBoard(...words);
  boards.push(board);
  await board.plug();
  return board;
}

before(async () => {
  await scene.authority();
  profile = scene.profile("tray.json");
});
after(async () => {
  for (const board of boards) await board.unplug();
  scene.remove();
});

function devices(name: string, ...lines: string[]): string {
  writeFileSync(scene.at(name), `${lines.join("\r\n")}\r\n`);
  return name;
}

const idOf = (board: FakeBoard): string | undefined => {
  const json = board.store.readText("profile");
  return json === undefined ? undefined : JSON.parse(json).device.id;
};

test("boards at several ports side by side; one that fails stops no other, and the next run does what is left", async () => {
  const [a, b] = await Promise.all([plugged("tray-a"), plugged("tray-b", { mac: "a0b1c2d3e4f6" })]);
  const missing = new FakeBoard("tray-c", { mac: "a0b1c2d3e4f7" });
  boards.push(missing);
  const csv = devices(
    "tray.csv",
    "id,port,mac,cycle.intervalSeconds",
    `dm-1,${a.port},A0:B1:C2:D3:E4:F5,60`,
    `dm-2,${b.port},,`,
    `dm-3,${missing.port},,`,
  );
  const flags = ["provision", "--batch", csv, "--profile", profile, "--fleet", "f1"];
  const first = await scene.run([...flags, "--json"]);
  assert.equal(first.code, 1, first.stderr);
  const events = first.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const ended = events.filter(({ event }) => event === "provisioned" || event === "failed");
  assert.deepEqual(ended.map(({ event, id }) => `${id} ${event}`).sort(), [
    "dm-1 provisioned",
    "dm-2 provisioned",
    "dm-3 failed",
  ]);
  assert.match(ended.find(({ id }) => id === "dm-3").problem, /is not there/);
  assert.deepEqual([idOf(a), idOf(b)], ["dm-1", "dm-2"]);
  const interval = (board: FakeBoard) => JSON.parse(board.store.readText("profile")!).cycle.intervalSeconds;
  assert.deepEqual([interval(a), interval(b)], [60, 900]);

  await missing.plug();
  const second = await scene.run(flags);
  assert.equal(second.code, 0, second.stderr);
  assert.equal(idOf(missing), "dm-3");
  assert.match(
    second.stdout,
    /^dm-1 +sim:\S+ +skipped\ndm-2 +sim:\S+ +skipped\ndm-3 +sim:\S+ +provisioned +kid [0-9a-f]+\n$/,
  );
});

test("one port, one board after the other: each gets its own line's, by its MAC or in turn", async () => {
  const port = "tray-d";
  const first = await plugged(port, { mac: "000000000002" });
  const csv = devices("one.csv", "id,mac", "dm-11,", "dm-12,00-00-00-00-00-02", "dm-13,");
  let said = "";
  const words = ["provision", "--batch", csv, "-p", first.port, "--profile", profile, "--fleet", "f2"];
  const running = scene.run(words, (line) => {
    said += line;
  });
  const asked = async (line: RegExp): Promise<void> => {
    for (let tries = 0; !line.test(said); tries++) {
      assert.ok(tries < 200, said);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await asked(/take dm-12 off, and connect the board for dm-11/);
  await first.unplug();
  const second = await plugged(port, { mac: "000000000001" });
  await asked(/take dm-11 off, and connect the board for dm-13/);
  // It stays a while, restarted: it is not taken for the next.
  second.reset();
  await second.unplug();
  const third = await plugged(port, { mac: "000000000003" });
  const ran = await running;
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual([first, second, third].map(idOf), ["dm-12", "dm-11", "dm-13"]);
  const register = new Register(scene.at("f2/register.sqlite"));
  assert.deepEqual(
    register.list().map(({ id, mac, state }) => [id, mac, state]),
    [
      ["dm-11", "000000000001", "complete"],
      ["dm-12", "000000000002", "complete"],
      ["dm-13", "000000000003", "complete"],
    ],
  );
  register.close();
});

test("a board that failed and stays at the port does not become the next device", async () => {
  const worn = await plugged("tray-e", { mac: "00000000000a" });
  worn.store.deaf = ["record"];
  const csv = devices("worn.csv", "id", "dm-21", "dm-22");
  let taken: Promise<FakeBoard> | undefined;
  let heard = 0;
  worn.passes = () => {
    // It answers the question who it is a few times more; then a person has come.
    if (worn.store.log.includes("record") && ++heard > 4 && !taken)
      taken = worn.unplug().then(() => plugged("tray-e", { mac: "00000000000b" }));
    return taken === undefined;
  };
  const flags = ["provision", "--batch", csv, "-p", worn.port, "--profile", profile, "--fleet", "f4"];
  const ran = await scene.run([...flags, "--wait", "20s"]);
  assert.equal(ran.code, 1, ran.stderr);
  assert.match(ran.stdout, /^dm-21 .* failed .*storage-failed.*\ndm-22 .* provisioned/);
  assert.equal(idOf(await taken!), "dm-22");
});

const wrong: [lines: string[], line: RegExp][] = [
  [["port", "sim:x"], /line 1: the header has no column id/],
  [["id,colour", "a,red"], /line 1: no column is called colour/],
  [["id,id", "a,b"], /column id is there twice/],
  [["id", "a", "b", "a"], /line 4: the id a is on line 2 already/],
  [["id,mac", "a,001122334455", "b,00:11:22:33:44:55"], /line 3: the mac 001122334455 is on line 2 already/],
  [["id,mac", "a,12"], /line 2: a mac has 12 hex digits/],
  [["id", ".a"], /line 2: "\.a" is no device id/],
  [["id,port", "a"], /Invalid Record Length/],
  [["id"], /has no boards/],
  [["id,wifi.colour", "a,red"], /line 2: .*wifi\.colour/],
  [["id,topics.base", "a,t/x", "b,t/x"], /topics\.base is the same for a and b/],
];
test("what is wrong with the file is told by its line, and no board is spoken to", async () => {
  const flags = { port: "/dev/null", profile, baud: 115200, fleet: scene.at("f3"), certs: scene.at("pki") };
  for (const [at, [lines, line]] of wrong.entries()) {
    const csv = scene.at(devices(`wrong-${at}.csv`, ...lines));
    await assert.rejects(provisionBatch(flags, csv), (error: Error) => {
      assert.ok(error instanceof OperatorError, String(error));
      assert.match(error.message, line);
      assert.match(error.message, /^--batch [^\n]+$/);
      return true;
    });
  }
  const csv = scene.at(devices("nowhere.csv", "id", "a"));
  const { port: _, ...nowhere } = flags;
  await assert.rejects(provisionBatch(nowhere, csv), /has no port on line 2/);
  assert.equal(existsSync(flags.fleet), false);
});
