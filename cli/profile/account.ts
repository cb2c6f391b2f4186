/**
 * Reads what a profile refers to for logging in at the broker, and gives it as a device stores it. What a device
 * could not use is refused here, in one line and without the secret.
 */
import type { AccountSecrets } from "../../host-sim/sim-options.js";
import { maxTokenKeyBytes, minTokenKeyBytes } from "../../lib/auth/jwt.js";
import type { Profile } from "../../lib/store/profile.js";
import type { Ask } from "./at-provisioning.js";
import { blame, isP256, readPrivateKey } from "./credentials.js";
import { type References, readSecret } from "./references.js";

/**
 * @param broker as the device is to see it: only what it needs is read
 * @param ask for what is to be asked for
 * @throws {OperatorError} in one line that names the setting
 */
export async function readAccount(
  { auth, jwt }: Profile["broker"],
  { brokerPassword, jwtKey }: References,
  folder: string,
  ask?: Ask,
): Promise<AccountSecrets> {
  return {
    brokerPassword:
      auth === "password" ? await readSecret("broker.password", brokerPassword, folder, ask) : null,
    jwtKey: jwt ? await readTokenKey(jwt.algorithm, jwtKey!, folder, ask) : null,
  };
}

/** What a broker's configuration calls the secret is text, and its bytes are the key. */
async function readTokenKey(
  algorithm: "HS256" | "ES256",
  reference: string,
  folder: string,
  ask: Ask | undefined,
): Promise<Uint8Array> {
  const setting = "broker.jwt.key";
  const wrong = blame(setting, reference);
  if (algorithm === "ES256") {
    const key = await readPrivateKey(setting, reference, folder);
    if (!isP256(key)) throw wrong("is no P-256 key, which ES256 needs");
    return key.export({ type: "pkcs8", format: "der" });
  }
  const text = (await readSecret(setting, reference, folder, ask))!;
  const bytes = Buffer.from(text);
  if (text.includes("\ufffd") || bytes.length < minTokenKeyBytes || bytes.length > maxTokenKeyBytes)
    throw wrong(`must hold a text of ${minTokenKeyBytes} to ${maxTokenKeyBytes} bytes, as the broker's does`);
  return new Uint8Array(bytes);
}
