/**
 * Runs the collected tests inside XS, once per crypto provider of the device, and traces one JSON line each.
 * The Node side (test/host-sim/portable-in-xs.test.ts) reads those lines.
 */
import { nativeCrypto } from "dormouse/crypto/native";
import { deepSleep } from "dormouse/native/power";
import type { Crypto } from "../../lib/crypto/crypto.js";
import { takeTests } from "./harness.js";

interface Provider {
  readonly name: string;
  readonly crypto: Crypto;
}

function message(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

export async function runTests(vectorFiles: Record<string, unknown>, more: Provider[] = []): Promise<void> {
  const vectors = (path: string): unknown => {
    if (!(path in vectorFiles)) throw new Error(`vectors ${path} are not in this image`);
    return vectorFiles[path];
  };
  const tests = takeTests();
  for (const provider of [{ name: "native", crypto: nativeCrypto }, ...more])
    for (const { name, run } of tests) {
      let error: string | undefined;
      try {
        // In a job of its own, as the firmware does its work: the stack is the test's.
        await Promise.resolve().then(() => run({ ...provider, vectors }));
      } catch (reason) {
        error = message(reason);
      }
      trace(`${JSON.stringify({ test: name, platform: provider.name, error })}\n`);
    }
  deepSleep(1000);
}
