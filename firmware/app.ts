/**
 * Your application: the one file to edit. `sense()` runs at every wake and returns what was measured; trust,
 * keys, topics, protection and intervals are the profile's.
 */
import type { Measurement } from "dormouse/senml/measurement";
import { readClimate } from "./sensors/simulated-climate.js";

export function sense(): Measurement[] {
  return readClimate(Date.now());
}
