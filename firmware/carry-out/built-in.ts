/** Carries out the commands that are the firmware's own, once they are verified and remembered (lib/commands/built-in). */
import type { BuiltIn } from "dormouse/commands/built-in";
import type { Argument, ResultValue, Status } from "dormouse/commands/command";
import type { Device } from "dormouse/store/device-record";
import type { Profile } from "dormouse/store/profile";
import type { Memory } from "../memory.js";
import { changeCrl } from "./crl.js";
import { changeKeys } from "./keys.js";
import { changePins } from "./pins.js";
import { changeSettings } from "./settings.js";

/** What a command may look at and change. */
export interface Bench {
  /** As it is in effect. */
  readonly profile: Profile;
  readonly device: Device;
  readonly memory: Memory;
  /** One bit for each pin that this connection's server has shown. */
  readonly matchedPins: number;
}

/** The answer. With `refused` and `failed` nothing has changed, and the value says why. */
export type Answer = readonly [Status, ResultValue];

export function carryOut(name: BuiltIn, args: readonly Argument[], bench: Bench): Answer {
  switch (name) {
    case "interval":
    case "batch":
    case "alarm":
      return changeSettings(name, args, bench);
    case "reboot":
      return args.length === 0 ? ["done", null] : ["refused", "reboot takes no arguments"];
    case "pins":
      return changePins(args, bench);
    case "keys":
      return changeKeys(args, bench);
    case "crl":
      return changeCrl(args, bench);
  }
}
