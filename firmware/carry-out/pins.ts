/** `pins`: one pin takes the place of another that this connection has not shown. */
import { pinsCommand } from "dormouse/commands/built-in";
import type { Argument } from "dormouse/commands/command";
import { decodePins, encodePins, rotatedPins } from "dormouse/store/pins";
import { readEntry, writeEntry } from "../provisioned.js";
import type { Answer, Bench } from "./built-in.js";

export function changePins(args: readonly Argument[], { profile, matchedPins }: Bench): Answer {
  const rotation = pinsCommand(args);
  if (!rotation) return ["refused", "pins takes a version, the old pin and the new one"];
  const { tls } = profile.broker;
  const pins = tls === false ? undefined : decodePins(readEntry("pins"), tls.pins);
  if (!pins) return ["refused", "this device has no pins"];
  const next = rotatedPins(pins, rotation, matchedPins);
  if (typeof next === "string") return ["refused", next];
  return writeEntry("pins", encodePins(next)) ? ["done", next.version] : ["failed", "flash does not keep it"];
}
