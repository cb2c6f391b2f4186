/** Where the public keys of others stand in a device's profile. It runs in browsers too. */
import type { Profile } from "../../lib/store/profile.js";

/** Points of P-256, base64url; of what the profile has no use for nothing is put in. */
export interface PublicPoints {
  readonly recipient: string | undefined;
  readonly operator: string | undefined;
}

export function withPoints(profile: Profile, { recipient, operator }: PublicPoints): Profile {
  const { topics, commands } = profile;
  const { up } = topics;
  return {
    ...profile,
    ...(up.protection === "sealTo" &&
      recipient !== undefined && { topics: { ...topics, up: { ...up, recipientKey: recipient } } }),
    ...(commands?.operator &&
      operator !== undefined && {
        commands: { ...commands, operator: { ...commands.operator, key: operator } },
      }),
  };
}
