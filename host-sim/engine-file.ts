/** The engine's executable, built by the project's own set-up: whoever runs it never runs an old one. */
import { root } from "./paths.js";

export type EngineVariant = "release" | "sanitize";

interface SetUp {
  engineFor(variant: EngineVariant): Promise<string>;
}

interface EngineSetUp {
  abi(): Promise<"32" | "64">;
}

export async function engineFile(variant: EngineVariant): Promise<string> {
  const { engineFor } = (await import(`${root}setup/ready.mjs`)) as SetUp;
  return engineFor(variant);
}

/** 32 where the compiler can, as a board is; else 64. */
export async function engineBits(): Promise<"32" | "64"> {
  const { abi } = (await import(`${root}setup/engine.mjs`)) as EngineSetUp;
  return abi();
}
