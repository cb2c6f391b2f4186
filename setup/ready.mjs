/**
 * Makes a checkout ready: packages, compiled TypeScript and, when asked for, the simulator's engine.
 * Each step is quick when there is nothing to do.
 */
import { packages } from "./packages.mjs";
import { progress } from "./steps.mjs";
import { typescript } from "./typescript.mjs";

/**
 * @param {{ engine: boolean }} options
 */
export async function ready({ engine }) {
  await packages();
  const { bundleMqttPacket } = await import("./mqtt-packet.mjs");
  await bundleMqttPacket({ progress });
  await typescript();
  if (engine) await engineFor("release");
}

/**
 * Builds the engine that runs the firmware.
 * @param {"release" | "sanitize"} variant
 * @returns {Promise<string>} the executable
 */
export async function engineFor(variant) {
  const [{ xsSources }, { mbedtls }, { abi, buildEngine }] = await Promise.all([
    import("./xs.mjs"),
    import("./mbedtls.mjs"),
    import("./engine.mjs"),
  ]);
  const xs = await xsSources({ progress });
  const tls = await mbedtls({ abi: await abi(), variant, progress });
  return buildEngine({ variant, xs, mbedtls: tls, progress });
}
