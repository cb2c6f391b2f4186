/** The boards the simulator can be: for each the manifest and the platform name that mcconfig knows it by. */
import { join } from "node:path";
import { type Manifest, readManifest } from "./manifest.js";
import { root } from "./paths.js";

const platforms = {
  esp32: "esp32",
  esp32c3: "esp32/esp32c3",
  esp8266: "esp",
} as const;

export type BoardName = keyof typeof platforms;

export const boardNames = Object.keys(platforms) as BoardName[];

/** The manifest of a board's firmware, or of another program for that board. */
export function boardManifest(board: BoardName, path = join(root, "manifests", `${board}.json`)): Manifest {
  return readManifest(path, { platform: platforms[board], moddable: join(root, "host-sim/platform") });
}
