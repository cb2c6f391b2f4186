/**
 * What `dormouse sim --profile` does with what a profile leaves to provisioning. Where the whole world is the run's own it
 * makes everything up: nobody else has to know it. A broker of one's own has never heard of any of that.
 */
import { randomBytes } from "node:crypto";
import type { Ask, AtProvisioning } from "./profile/at-provisioning.js";
import { OperatorError } from "./report.js";

/** How to get there all the same, as the end of a line. */
function instead(profile: string): string {
  return `start a board with npm run sim -- --unprovisioned, and give it the profile with dormouse provision --port sim:dormouse --profile ${profile}`;
}

/**
 * @param profile the file, for the remedy
 * @throws {OperatorError} when the board should make a key that it cannot make, or that the broker cannot know
 */
export function checkMade(
  { made }: AtProvisioning,
  {
    board,
    external,
    profile,
  }: { readonly board: string; readonly external: boolean; readonly profile: string },
): void {
  if (!made.includes("tls-key")) return;
  if (board === "esp8266")
    throw new OperatorError(
      'broker.tls.certificate: an ESP8266 has no P-256, so it makes no key: write "file:PATH", and broker.tls.key',
    );
  if (external)
    throw new OperatorError(
      `broker.tls.certificate: none is issued in a run with a broker of yours: ${instead(profile)}`,
    );
}

/** Made up, for a world that is the run's own: its access point, and its broker unless that is outside. */
export function madeUp(external: boolean, profile: string): Ask {
  return async ({ setting }) => {
    if (external && setting !== "wifi.password")
      throw new OperatorError(
        `${setting}: nobody is asked in a run with a broker of yours: ${instead(profile)}`,
      );
    return randomBytes(16).toString("hex");
  };
}
