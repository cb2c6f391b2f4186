import { thresholdBits } from "../../../lib/cycle/alarms.js";
import { equal, test } from "../../device/harness.js";

const alarms = [
  { name: "temperature", above: 30, below: 5 },
  { name: "humidity", below: 20 },
  { name: "door", above: 0 },
];
const bits = (temperature: number, humidity: number, before = 0) =>
  thresholdBits(
    alarms,
    [
      { name: "temperature", value: temperature },
      { name: "humidity", value: humidity },
    ],
    before,
  );

test("a value beyond its threshold sets its alarm's bit, one on it does not", () => {
  equal(bits(20, 50), 0);
  equal(bits(30, 20), 0);
  equal(bits(30.1, 20), 1);
  equal(bits(4.9, 20), 1);
  equal(bits(5, 19.9), 2);
  equal(bits(-40, 0), 3);
});

test("what is not measured, or is no number, stays as it was", () => {
  equal(bits(20, 50, 7), 4);
  equal(thresholdBits(alarms, [{ name: "door", value: "open" }], 4), 4);
  equal(thresholdBits(alarms, [], 5), 5);
  equal(thresholdBits([], [{ name: "temperature", value: 99 }], 7), 0);
});

test("a name that is measured twice is beyond when one of its values is", () => {
  const twice = (a: number, b: number) =>
    thresholdBits(
      alarms,
      [
        { name: "door", value: a },
        { name: "door", value: b },
      ],
      0,
    );
  equal(twice(0, 0), 0);
  equal(twice(1, 0), 4);
  equal(twice(0, 1), 4);
});
