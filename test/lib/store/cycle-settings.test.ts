import {
  type CycleSettings,
  cycleConflict,
  cycleRule,
  longestAbsence,
} from "../../../lib/store/cycle-settings.js";
import { equal, test } from "../../device/harness.js";

const cycle: CycleSettings = {
  mode: "sleep",
  intervalSeconds: 1.5,
  wakeBudgetSeconds: 600,
  deadlineSeconds: { join: 12.5, close: 0.1 },
  sendEvery: 1000,
  backoffMaxSeconds: 2_592_000,
  alarms: [
    { name: "temperature", above: 30, below: -5.5 },
    { name: "humidity", below: 20 },
  ],
  wakeOn: { pin: 33, level: 0 },
};

const alarm = { name: "a", above: 1 };
const refused: [object, string][] = [
  [{ mode: "doze" }, '.mode must be "sleep" or "awake"'],
  [{ sendEvery: 0 }, ".sendEvery must be a whole number from 1 to 1000"],
  [{ sendEvery: 1.5 }, ".sendEvery must be a whole number from 1 to 1000"],
  [{ backoffMaxSeconds: 0 }, ".backoffMaxSeconds must be a number from 1 to 2592000"],
  [{ alarms: [] }, ".alarms must be a list of 1 to 8 alarms"],
  [{ alarms: "temperature" }, ".alarms must be a list of 1 to 8 alarms"],
  [
    { alarms: [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => ({ name: `a${n}`, above: n })) },
    ".alarms must be a list of 1 to 8 alarms",
  ],
  [{ alarms: [alarm, { name: "b" }] }, ".alarms.1 must have above or below"],
  [{ alarms: [{ above: 1 }] }, ".alarms.0.name is missing"],
  [{ alarms: [{ ...alarm, at: 1 }] }, ".alarms.0.at is no known setting"],
  [{ alarms: [{ ...alarm, above: "1" }] }, ".alarms.0.above must be a number from -1000000000 to 1000000000"],
  [{ alarms: [{ ...alarm, below: 1 }] }, ".alarms.0.below must be smaller than above"],
  [
    {
      alarms: [
        { name: "a", above: 1 },
        { name: "a", below: 1 },
      ],
    },
    ".alarms.1.name is there twice",
  ],
  [{ wakeOn: { pin: 49, level: 0 } }, ".wakeOn.pin must be a whole number from 0 to 48"],
  [{ wakeOn: { pin: 4, level: true } }, ".wakeOn.level must be 0 or 1"],
  [{ wakeOn: { pin: 4 } }, ".wakeOn.level is missing"],
];

test("settings of the cycle are taken as they are, or the first mistake is named", () => {
  equal(cycleRule(cycle), undefined);
  equal(cycleRule({ ...cycle, alarms: [{ name: "a", below: 0.9, above: 1 }] }), undefined);
  for (const [part, problem] of refused) equal(cycleRule({ ...cycle, ...part }), problem, problem);
});

test("a board that stays awake is not woken by a pin", () => {
  equal(cycleConflict(cycle), undefined);
  equal(
    cycleConflict({ ...cycle, mode: "awake" }),
    'cycle.wakeOn must not be there when cycle.mode is "awake"',
  );
  const { wakeOn: _, ...awake } = { ...cycle, mode: "awake" } as const;
  equal(cycleConflict(awake), undefined);
});

test("who sends every tenth reading stays away for ten intervals, and who is awake never", () => {
  equal(longestAbsence({ ...cycle, intervalSeconds: 60, sendEvery: 10, wakeBudgetSeconds: 30 }), 630);
  equal(longestAbsence({ ...cycle, mode: "awake" }), 0);
});
