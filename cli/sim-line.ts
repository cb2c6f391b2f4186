/** `--line` of `dormouse sim`: what befalls the bytes on a simulated board's serial line. */
import type { LineFault } from "../host-sim/device.js";
import { UsageError } from "./report.js";

const forms = "noise=1%, loss=1%, repeat=1%, single, cut=BYTES, cut=in:BYTES or cut=out:BYTES";

/**
 * @param text faults, with commas between them
 * @param seed repeats them
 * @example lineFaults("noise=0.5%,single", 7) // ["seed 7", "noise 5", "single"]
 */
export function lineFaults(text: string, seed: number): LineFault[] {
  return [`seed ${seed}`, ...text.split(",").map(parseFault)];
}

function parseFault(text: string): LineFault {
  if (text === "single") return text;
  const share = /^(noise|loss|repeat)=(\d{1,2}(?:\.\d+)?)%$/.exec(text);
  if (share) return `${share[1] as "noise" | "loss" | "repeat"} ${10 * Number(share[2])}`;
  const cut = /^cut=(?:(in|out):)?(\d{1,9})$/.exec(text);
  if (cut) return `cut ${(cut[1] ?? "any") as "in" | "out" | "any"} ${Number(cut[2])}`;
  throw new UsageError(`--line "${text}": write ${forms}`);
}
