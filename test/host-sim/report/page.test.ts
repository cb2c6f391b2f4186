/** The report in a real browser: nothing cut off, nothing over anything else, legible in the light, in the dark and on paper. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { boardManifest } from "../../../host-sim/board.js";
import { plainBattery } from "../../../host-sim/energy/battery.js";
import type { RunEvent } from "../../../host-sim/report/events.js";
import { History } from "../../../host-sim/report/history/history.js";
import { type PageFacts, page } from "../../../host-sim/report/page/page.js";
import { Chromium, type View } from "../../chromium.js";
import { dormouse } from "../../cli/command.js";
import { run } from "../../e2e/run.js";
import { longRun } from "./long-run.js";
import { type Faults, findFaults } from "./looks.js";

const views: readonly [name: string, view: View][] = [
  ["in the light", { width: 1180 }],
  ["in the dark", { width: 1180, dark: true }],
  ["on a phone", { width: 360 }],
  ["on a phone in the dark", { width: 360, dark: true }],
  ["on a tablet", { width: 768 }],
  ["on paper", { width: 688, paper: true }],
  ["on paper, from a dark screen", { width: 688, paper: true, dark: true }],
];

const facts: PageFacts = {
  board: "esp32",
  sensorKind: "simulated",
  creation: boardManifest("esp32").creation,
  battery: plainBattery(2500),
  notes: ["esp32, embedded broker mqtts://broker.dormouse.test:34447, MQTT 3.1.1", "seed 7"],
  success: false,
};

const folder = mkdtempSync(join(tmpdir(), "dormouse-report-"));
let browser: Chromium;
let events: RunEvent[];

before(async () => {
  [browser, events] = await Promise.all([Chromium.start(), troubledRun()]);
});

after(async () => {
  await browser?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Real wakes: good ones, one without an access point, one without the broker's name, one whose power sags. */
async function troubledRun(): Promise<RunEvent[]> {
  let wake = 0;
  const seen = (event: RunEvent) => {
    if (event.event === "wake") wake = event.wake;
  };
  const { events } = await run({ cycles: "6", seed: "7", cell: "18650" }, seen, {
    disturbance: {
      network: (quiet) =>
        wake === 3
          ? { ...quiet, accessPoints: [] }
          : wake === 4
            ? { ...quiet, names: new Map(), systemNames: false }
            : quiet,
      power: (of) => (of === 5 ? { brownOutAfterBytecodes: 200_000 } : undefined),
    },
  });
  return events;
}

function historyOf(some: readonly RunEvent[]): History {
  const history = new History();
  for (const event of some) history.event(event);
  return history;
}

/** Mostly good wakes, some of each bad kind, and an outage in the middle. */
function like(wake: number): number {
  if (wake === 1) return 1;
  const chance = Math.imul(wake, 2_654_435_761) >>> 0;
  if (wake % 1000 > 520 && wake % 1000 < 540) return 3;
  return chance % 60 === 0 ? 3 + (chance % 3) : chance % 2 === 0 ? 2 : 6;
}

/** What becomes of readings, and why. */
const fateEvents = (of: Pick<RunEvent, "device">): RunEvent[] => {
  const common = { at: 1_800_000_000_000, device: of.device, wake: 2 };
  return [
    { ...common, event: "spilled", readings: 40, segment: 1 },
    { ...common, event: "dropped", readings: 3, total: 3 },
    { ...common, event: "gap", readings: 1 },
    { ...common, event: "fault", name: "brownout", detail: "after 120000 bytecodes" },
  ];
};

const fifteen = { intervalMs: 900_000, like };

const cases: readonly [name: string, wakes: number, history: () => History][] = [
  ["one wake", 1, () => historyOf(events.filter(({ wake }) => wake === 1))],
  ["six wakes", 6, () => historyOf(events)],
  [
    "200 wakes, with readings spilled, dropped and lost",
    200,
    () => {
      const history = longRun(events, { ...fifteen, wakes: 200 });
      for (const event of fateEvents(events[0]!)) history.event(event);
      return history;
    },
  ],
  ["5,000 wakes", 5000, () => longRun(events, { ...fifteen, wakes: 5000 })],
  [
    "a hundred devices for a day",
    9600,
    () => {
      const devices = Array.from({ length: 100 }, (_, n) => `cellar-${n + 1}`);
      return longRun(events, { ...fifteen, wakes: 96, devices });
    },
  ],
  ["no wake at all", 0, () => new History()],
];

for (const [index, [name, wakes, build]] of cases.entries())
  describe(name, () => {
    const file = join(folder, `${index}.html`);
    let text: string;
    let history: History;

    before(() => {
      history = build();
      text = page(history, facts);
      writeFileSync(file, text);
    });

    test("counts its wakes", () => assert.equal(history.wakes, wakes));

    test("asks the network for nothing, and the browser complains of nothing", async () => {
      const { requests, complaints } = await browser.open(file, { width: 1180 });
      assert.deepEqual(requests, [`file://${file}`]);
      assert.deepEqual(complaints, []);
      assert.ok(text.length < 400_000, `${text.length} characters`);
      assert.doesNotMatch(text, /<script|javascript:|NaN|Infinity|undefined|\[object/);
    });

    for (const [how, view] of views)
      test(`is legible ${how}`, async () => {
        await browser.look(view);
        assert.deepEqual(await browser.evaluate<Faults>(findFaults), {
          cut: [],
          overlapping: [],
          pale: [],
          beside: [],
        });
      });

    test("has one heading of the first rank, names for its pictures, and tables with heads", async () => {
      const wrong = await browser.evaluate<string[]>(`(() => {
        const wrong = [];
        if (document.querySelectorAll("h1").length !== 1) wrong.push("h1");
        for (const svg of document.querySelectorAll("svg"))
          if (svg.getAttribute("aria-hidden") !== "true" && !(svg.getAttribute("role") === "img" && svg.getAttribute("aria-label"))) wrong.push("svg " + svg.outerHTML.slice(0, 100));
        for (const table of document.querySelectorAll("table"))
          if (!table.querySelector("thead th[scope=col]")) wrong.push("table");
        if (document.documentElement.lang !== "en" || !document.title) wrong.push("lang or title");
        return wrong;
      })()`);
      assert.deepEqual(wrong, []);
    });

    test("every shape has a colour, and none lies outside its picture", async () => {
      await browser.look({ width: 1180 });
      const wrong = await browser.evaluate<string[]>(`(() => {
        const wrong = [];
        for (const shape of document.querySelectorAll("svg rect, svg path")) {
          const fill = getComputedStyle(shape).fill;
          if (fill === "rgb(0, 0, 0)" || fill === "none") wrong.push("no colour: " + shape.outerHTML);
          const box = shape.getBBox(), { width, height } = shape.ownerSVGElement.viewBox.baseVal;
          if (box.x < -1 || box.y < -1 || box.x + box.width > width + 3 || box.y + box.height > height + 3) wrong.push("outside: " + shape.outerHTML);
        }
        return wrong.slice(0, 5);
      })()`);
      assert.deepEqual(wrong, []);
    });

    test("can be printed", async () => {
      const paper = await browser.print();
      assert.equal(paper.subarray(0, 5).toString(), "%PDF-");
    });
  });

test("what would be wrong with a page is found", async () => {
  const file = join(folder, "wrong.html");
  writeFileSync(
    file,
    `<body style="background:#fff"><p style="color:#999">pale</p>
<p style="position:absolute;top:200px">over</p><p style="position:absolute;top:205px">under</p>
<p style="position:absolute;top:300px;width:20px;overflow:hidden;white-space:nowrap">too long for this</p>
<p style="position:absolute;top:400px;left:1200px">far out</p>`,
  );
  await browser.open(file, { width: 800 });
  const { cut, overlapping, pale, beside } = await browser.evaluate<Faults>(findFaults);
  assert.match(pale.join(), /pale: 2\.85/);
  assert.deepEqual(overlapping, ["over / under"]);
  assert.deepEqual(cut, ["too long for this"]);
  assert.ok(beside.includes("far out"));
});

test("what devices and brokers say stays text", async () => {
  const evil = `<img src=x onerror="document.title='got'">"'&`;
  const some = events.map((event) =>
    event.event === "error" ? { ...event, detail: evil } : { ...event, device: evil },
  ) as RunEvent[];
  const file = join(folder, "evil.html");
  writeFileSync(file, page(historyOf(some), { ...facts, notes: [evil] }));
  const { requests } = await browser.open(file, { width: 1180 });
  assert.equal(requests.length, 1);
  const [images, said, title] = await browser.evaluate<[number, boolean, string]>(
    `[document.images.length, document.body.innerText.includes(${JSON.stringify(evil)}), document.title]`,
  );
  assert.deepEqual([images, said], [0, true]);
  // And should anything get through after all, it does not run.
  const ran = await browser.evaluate<boolean>(`(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.ran = true";
    document.body.append(script);
    return globalThis.ran === true;
  })()`);
  assert.equal(ran, false);
  assert.ok(title.startsWith("<img") || title.startsWith("2 devices"));
});

test("a run that lost a reading does not say that everything arrived", async () => {
  const file = join(folder, "lost.html");
  const words = ["sim", "--cycles", "3", "--fault", "power-cut@400:2", "--report", file];
  assert.equal((await dormouse(words)).code, 0);
  assert.match(readFileSync(file, "utf8"), /that 1 reading did not, the device tells itself/);
});

test("--report writes the page beside what is shown, and says where", async () => {
  const file = join(folder, "run.html");
  const { code, stdout } = await dormouse(["sim", "--cycles", "3", "--report", file, "--cell", "aa-lithium"]);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^report: ${file}$`, "m"));
  assert.match(stdout, /^ {2}estimate, battery/m);
  await browser.open(file, { width: 1180 });
  const words = await browser.evaluate<string>("document.body.innerText");
  for (const wanted of [
    /Everything that was sent arrived/,
    /^3$/m,
    /join Wi-Fi/,
    /Energy \(estimate\)/,
    /assumed/,
    /three AA lithium/,
  ])
    assert.match(words, wanted);
  const shapes = await browser.evaluate<number>(`document.querySelectorAll(".row svg rect").length`);
  assert.ok(shapes > 30, `${shapes}`);
  // No secret of the run is in it.
  assert.doesNotMatch(readFileSync(file, "utf8"), /[0-9a-f]{64}|PRIVATE KEY/);
});
