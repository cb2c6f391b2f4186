/** The language of faults: what it takes, and that what it does not take ends in one line which helps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FaultForm, faultForms, faultNames } from "../../../host-sim/faults/catalogue.js";
import { milliseconds, parseFault, parseFaults, parseWakes } from "../../../host-sim/faults/fault.js";

const always = { fromWake: 1, toWake: Number.POSITIVE_INFINITY };

test("a name alone strikes the second wake; what is how the link is holds in all", () => {
  assert.deepEqual(parseFaults("no-ap"), [
    { name: "no-ap", text: "no-ap", when: { fromWake: 2, toWake: 2 } },
  ]);
  for (const lasting of ["loss=5%", "delay=200ms"])
    assert.deepEqual(parseFaults(lasting)[0]!.when, always, lasting);
});

test("several stand with commas between; each keeps its own text, without the wakes", () => {
  const [first, second, ...more] = parseFaults("dns-fail:3, reset@drain:2-5");
  assert.deepEqual(more, []);
  assert.deepEqual(first, { name: "dns-fail", text: "dns-fail", when: { fromWake: 3, toWake: 3 } });
  assert.deepEqual(second, {
    name: "reset",
    text: "reset@drain",
    where: { phase: "drain" },
    when: { fromWake: 2, toWake: 5 },
  });
});

test("values have their units", () => {
  const amount = (text: string) => parseFault(text).amount;
  assert.deepEqual(["loss=5%", "loss=0.5%", "loss=100%"].map(amount), [0.05, 0.005, 1]);
  assert.deepEqual(["delay=200ms", "delay=1.5s"].map(amount), [200, 1500]);
  assert.deepEqual(["clock-wrong=-3600", "sntp-wrong=+90"].map(amount), [-3600, 90]);
  assert.equal(amount("tls-memory=9000"), 9000);
  assert.equal(amount("gpio=5m"), 300_000);
  assert.equal(parseFault("bad-certificate=expired").certificate, "expired");
});

test("a place is a phase, a number, or a range of numbers", () => {
  const where = (text: string) => parseFault(text).where;
  assert.deepEqual(where("stall@join"), { phase: "join" });
  assert.deepEqual(where("power-cut@300"), { from: 300, to: 300 });
  assert.deepEqual(where("power-cut@1-2000:10%"), { from: 1, to: 2000 });
  assert.deepEqual(where("brownout@persist"), { phase: "persist" });
  assert.equal(where("power-cut"), undefined);
});

test("wakes: one, some, all from one on, all, by chance", () => {
  assert.deepEqual(parseWakes("3"), { fromWake: 3, toWake: 3 });
  assert.deepEqual(parseWakes("2-5"), { fromWake: 2, toWake: 5 });
  assert.deepEqual(parseWakes("4-"), { fromWake: 4, toWake: Number.POSITIVE_INFINITY });
  assert.deepEqual(parseWakes("all"), always);
  assert.deepEqual(parseWakes("10%"), { chance: 0.1 });
});

const refused: [text: string, words: RegExp][] = [
  ["", /"" is no fault: write NAME/],
  ["no-ap,", /"" is no fault: write NAME/],
  ["no ap", /"no ap" is no fault/],
  ["no-wifi", /"no-wifi" is no fault: they are no-ap, /],
  ["No-AP", /"no-ap" is, and/],
  ["powercut", /"power-cut" is, and/],
  ["no-ap=1", /no-ap takes no value/],
  ["no-ap@join", /no-ap takes no @/],
  ["loss", /loss needs a value: loss=5%/],
  ["loss=5", /loss=5: write it like loss=5%/],
  ["loss=101%", /loss=101%/],
  ["loss=-1%", /loss=-1%/],
  ["delay=200", /write it like delay=200ms/],
  ["clock-wrong=1h", /write it like clock-wrong=-3600/],
  ["tls-memory=0", /tls-memory=0/],
  ["bad-certificate=old", /one of issuer, name, expired/],
  ["reset", /reset needs a phase: reset@connect, reset@secure/],
  ["reset@join", /reset@join: write one of connect, secure/],
  ["reset@3", /reset@3: write one of/],
  ["stall@persist", /stall@persist: write one of join/],
  ["power-cut@0", /power-cut@0: write the number of an effect, or one of sense/],
  ["power-cut@9-3", /power-cut@9-3/],
  ["brownout@1.5", /the number of a bytecode/],
  ["no-ap:0", /wakes "0": write 3, 2-5, 4-, 10% or all/],
  ["no-ap:5-2", /wakes "5-2"/],
  ["no-ap:", /wakes ""/],
  ["no-ap:-3", /wakes "-3"/],
  ["no-ap:0%", /wakes "0%"/],
  ["no-ap:1e3", /wakes "1e3"/],
  ["constructor", /"constructor" is no fault/],
];
for (const [text, words] of refused)
  test(`refused: "${text}"`, () => {
    assert.throws(
      () => parseFaults(text),
      (error: Error) =>
        error instanceof RangeError && words.test(error.message) && !error.message.includes("\n"),
    );
  });

test("every fault can be written down, by what its form says", () => {
  const values = {
    percent: "1%",
    duration: "1s",
    seconds: "1",
    bytes: "1",
    certificate: "name",
  };
  for (const name of faultNames) {
    const form: FaultForm = faultForms[name];
    const value = form.value ? `=${values[form.value]}` : "";
    for (const where of form.phases ?? [""]) {
      const text = `${name}${value}${where && `@${where}`}`;
      assert.equal(parseFault(text).text, text);
    }
  }
});

test("durations", () => {
  assert.deepEqual(["1ms", "2s", "1.5m", "1h", "2d", "1y", "h", "-1s"].map(milliseconds), [
    1,
    2000,
    90_000,
    3_600_000,
    172_800_000,
    undefined,
    undefined,
    undefined,
  ]);
});
