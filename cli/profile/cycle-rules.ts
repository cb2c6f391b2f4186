/**
 * The rules between a profile's settings for the wake cycle, and what of them the device stores. What each setting may be by
 * itself stands in the schema.
 */
import type { BoardName } from "../../host-sim/board.js";
import { type CycleSettings, longestAbsence, type WakePin } from "../../lib/store/cycle-settings.js";
import type { Profile } from "../../lib/store/profile.js";
import type { Mistake } from "./check.js";

/** In `cycle` as written, once the schema holds and its defaults are in. */
export type WrittenCycle = Omit<CycleSettings, "backoffMaxSeconds"> & {
  readonly backoffMaxSeconds?: number;
};

const defaultBackoffMaxSeconds = 3600;

/** The pins that end deep sleep: ESP32 and ESP32-C3 series datasheets, "RTC and low-power management". */
const wakePins: Readonly<Record<BoardName, readonly number[]>> = {
  esp32: [0, 2, 4, 12, 13, 14, 15, 25, 26, 27, 32, 33, 34, 35, 36, 37, 38, 39],
  esp32c3: [0, 1, 2, 3, 4, 5],
  esp8266: [],
};

/** @returns why this pin cannot wake this board; undefined when it can */
export function wakePinProblem(board: BoardName, { pin }: WakePin): string | undefined {
  if (board === "esp8266")
    return "only its reset pin wakes an ESP8266, so wire what is to wake it to that pin";
  const pins = wakePins[board];
  return pins.includes(pin) ? undefined : `pin ${pin} does not wake this chip; ${pins.join(", ")} do`;
}

/** A pause shorter than the interval would be none. */
export function deviceCycle(written: WrittenCycle): CycleSettings {
  const { backoffMaxSeconds = Math.max(defaultBackoffMaxSeconds, written.intervalSeconds) } = written;
  return { ...written, backoffMaxSeconds };
}

/** @returns one mistake for each rule that is broken */
export function cycleMistakes({ mode, wakeOn, alarms = [] }: WrittenCycle): Mistake[] {
  const mistakes: Mistake[] = [];
  if (mode === "awake" && wakeOn)
    mistakes.push({
      path: "cycle.wakeOn",
      problem: 'is there though cycle.mode is "awake"',
      remedy: "Remove it: a board that does not sleep is not woken.",
    });
  alarms.forEach(({ name, above, below }, at) => {
    if (alarms.findIndex((one) => one.name === name) < at)
      mistakes.push({
        path: `cycle.alarms.${at}.name`,
        problem: "is there twice",
        remedy: "Write one alarm with both above and below.",
      });
    if (above !== undefined && below !== undefined && below >= above)
      mistakes.push({
        path: `cycle.alarms.${at}.below`,
        problem: "is not smaller than above",
        remedy: "An alarm goes off outside the two: every value would be.",
      });
  });
  return mistakes;
}

/** A will that waits for a sleeping device. */
export function willMistakes(
  { version, will, sessionExpirySeconds }: Profile["mqtt"],
  written: WrittenCycle,
  earlyData: boolean,
): Mistake[] {
  const after = will?.afterSeconds ?? 0;
  const blame = (path: string, problem: string, remedy: string): Mistake[] => [{ path, problem, remedy }];
  if (will && earlyData)
    return blame(
      "broker.tls.earlyData",
      "is true though there is a will",
      "Remove one of them: who sends 0-RTT data again makes the broker publish the will.",
    );
  if (after === 0) return [];
  if (version === "3.1.1")
    return blame(
      "mqtt.will.afterSeconds",
      "is not 0 though mqtt.version is 3.1.1",
      "Only MQTT 5 has wills that wait.",
    );
  if (after <= longestAbsence(deviceCycle(written)))
    return blame(
      "mqtt.will.afterSeconds",
      "is not above cycle.intervalSeconds times cycle.sendEvery and cycle.wakeBudgetSeconds together",
      "Write more: a device that is merely asleep is not gone.",
    );
  if (sessionExpirySeconds < after)
    return blame(
      "mqtt.sessionExpirySeconds",
      "is below mqtt.will.afterSeconds",
      "Write at least that many: the will goes out when the session ends.",
    );
  return [];
}
