/**
 * Your application: the one file to edit. `sense()` runs at every wake and returns what was measured; `onCommand()` runs
 * when somebody who may has sent a command; `alarm()`, where there is one, gets what was measured and says by `true` that it is
 * to be sent at once; `battery()` when the profile's `topics.state` asks for it. Trust, keys, topics, protection and intervals are the profile's.
 */
import type { ResultValue, Scalar } from "dormouse/commands/command";
import type { Measurement } from "dormouse/senml/measurement";
import { readBattery } from "./sensors/simulated-battery.js";
import { readClimate } from "./sensors/simulated-climate.js";

export function sense(): Measurement[] {
  return readClimate(Date.now());
}

/** In volts. */
export function battery(): number {
  return readBattery(Date.now());
}

/**
 * A command that has been verified, for the first and only time: it does not come again if this crashes. Whoever sent
 * it hears `done` with what is returned, `failed` for an exception, `unknown` for undefined.
 */
export function onCommand(name: string, args: readonly Scalar[]): ResultValue | undefined {
  switch (name) {
    case "identify":
      // A board with a light would blink.
      trace("Here I am!\n");
      return true;
    case "read":
      return read(args[0]);
  }
  return undefined;
}

function read(name: Scalar | undefined): ResultValue {
  const found = readClimate(Date.now()).find((one) => one.name === name);
  if (!found) throw new RangeError("nothing of that name is measured");
  return found.value;
}
