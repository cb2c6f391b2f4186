/** The engine for tests: built by the project's own set-up, so that a test never runs an old one. */
import { root } from "../host-sim/paths.js";

export async function engine(variant: "release" | "sanitize"): Promise<string> {
  const { engineFor } = (await import(`${root}setup/ready.mjs`)) as {
    engineFor(variant: string): Promise<string>;
  };
  return engineFor(variant);
}
