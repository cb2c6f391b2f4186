/** Reads everything that a profile refers to and a device stores apart, as the device stores it. */
import { resolve } from "node:path";
import type { FlashSecrets } from "../../lib/store/flash-entries.js";
import { readAccount } from "./account.js";
import type { Ask } from "./at-provisioning.js";
import { readCredentials } from "./credentials.js";
import { readP256 } from "./key-pairs.js";
import type { LoadedProfile } from "./load.js";
import { readSecret, readTrustAnchor } from "./references.js";

/** Null where there is none, and where the board makes it (`atProvisioning.made`: the key, its certificate). */
export type ProfileSecrets = Omit<FlashSecrets, "record">;

/**
 * @param ask for what is to be asked for, in the order of `atProvisioning.prompts`
 * @returns the caller's to zero
 * @throws {UsageError} when the CA's file cannot be read
 * @throws {OperatorError} in one line that names the setting, and never with a secret
 */
export async function readSecrets(
  { profile, references, folder }: LoadedProfile,
  ask: Ask,
): Promise<ProfileSecrets> {
  const { tls } = profile.broker;
  const { ca, signKey } = references;
  const anchor =
    ca === undefined ? null : await readTrustAnchor("broker.tls.ca", resolve(folder, pathOf(ca)));
  return {
    wifiPassword: (await readSecret("wifi.password", references.wifiPassword, folder, ask)) ?? "",
    ...(await readAccount(profile.broker, references, folder, ask)),
    ca: anchor?.der ?? null,
    ...(await readCredentials(tls, references, folder, ask)),
    signKey: signKey === undefined ? null : await readP256("topics.signKey", signKey, folder),
  };
}

function pathOf(reference: string): string {
  return reference.slice("file:".length);
}
