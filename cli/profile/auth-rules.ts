/**
 * The rules between a profile's settings for logging in at the broker, and what of them the device stores. What each
 * setting may be by itself stands in the schema.
 */
import type { Profile, TokenSettings } from "../../lib/store/profile.js";
import { prompted } from "./at-provisioning.js";
import type { Mistake } from "./check.js";
import type { References } from "./references.js";

/** In `broker` as written, once the schema holds and its defaults are in. */
export interface WrittenAccount {
  readonly clientIdPrefix?: string;
  readonly username?: string;
  /** A reference, or the word for the password that comes of the device's secret. */
  readonly password?: string;
  readonly jwt?: TokenSettings & { readonly key: string };
}

type DeviceAccount = Pick<Profile["broker"], "clientIdPrefix" | "username" | "auth" | "jwt">;

const derived = "derived";

/** @returns one mistake for each rule that is broken */
export function authMistakes({ username, password, jwt }: WrittenAccount, encrypted: boolean): Mistake[] {
  const mistakes: Mistake[] = [];
  const blame = (setting: string, problem: string, remedy: string) =>
    mistakes.push({ path: `broker.${setting}`, problem, remedy });
  if (password !== undefined && password !== derived && username === undefined)
    blame(
      "username",
      "is missing though there is a password",
      "Write the user name that the password belongs to.",
    );
  if (password !== undefined && jwt)
    blame(
      "jwt",
      "is there though there is a password",
      "Remove one of them: a token takes the password's place.",
    );
  if (jwt?.algorithm === "ES256" && jwt.key === prompted)
    blame(
      "jwt.key",
      "cannot be asked for: nobody types in a private key",
      'Write "file:PATH" or "env:NAME": ES256 takes a P-256 private key.',
    );
  for (const [setting, value] of Object.entries({ password, jwt }))
    if (!encrypted && value !== undefined)
      blame(
        setting,
        "is there though broker.tls is false",
        "Remove it, or let broker.tls be an object: over plain TCP everyone on the way can read it.",
      );
  return mistakes;
}

/** For settings without mistakes. Who says nothing else is known to the broker by the device's id. */
export function deviceAccount(
  { clientIdPrefix, username, password, jwt }: WrittenAccount,
  deviceId: string,
): DeviceAccount {
  const named = username ?? (password !== undefined || jwt ? deviceId : undefined);
  return {
    ...(clientIdPrefix !== undefined && { clientIdPrefix }),
    ...(named !== undefined && { username: named }),
    auth: jwt ? "jwt" : password === undefined ? "none" : password === derived ? "derived" : "password",
    ...(jwt && { jwt: tokenSettings(jwt) }),
  };
}

function tokenSettings({ algorithm, lifetimeSeconds, audience }: TokenSettings): TokenSettings {
  return { algorithm, lifetimeSeconds, ...(audience !== undefined && { audience }) };
}

export function authReferences({ password, jwt }: WrittenAccount): References {
  return {
    ...(password !== undefined && password !== derived && { brokerPassword: password }),
    ...(jwt && { jwtKey: jwt.key }),
  };
}
