/** Profiles for a tray of boards: what one device may have and two may not. */
import type { LoadedProfile } from "./load.js";
import type { References } from "./references.js";

/** Setting by setting: who has it is the device, or reads what is meant for it. */
const ownKeys: { readonly [name in keyof References]: string } = {
  key: "broker.tls.key",
  psk: "broker.tls.psk.key",
  signKey: "topics.signKey",
};

/**
 * @returns why these cannot all be provisioned, in one line that names two devices; undefined: they can
 */
export function batchConflict(loaded: readonly LoadedProfile[]): string | undefined {
  /** What was seen, and of whom. */
  const seen = new Map<string, string>();
  for (const { profile, references } of loaded) {
    const { device, broker, topics } = profile;
    const claims: [setting: string, value: string | undefined][] = [
      ["device.id", device.id],
      ["device.kid", device.kid],
      ["broker.tls.psk.identity", broker.tls === false ? undefined : broker.tls.pskIdentity],
      ["topics.base", topics.base],
      ["topics.readings", topics.readings],
    ];
    for (const [name, setting] of Object.entries(ownKeys)) {
      const reference = references[name as keyof References];
      // What is typed in can differ each time.
      if (reference !== "prompt") claims.push([setting, reference]);
    }
    for (const [setting, value] of claims) {
      if (value === undefined) continue;
      const other = seen.get(`${setting} ${value}`);
      if (other !== undefined)
        return setting === "device.id"
          ? `${device.id} is there twice`
          : `${setting} is the same for ${other} and ${device.id}: each device needs its own`;
      seen.set(`${setting} ${value}`, device.id);
    }
  }
  return undefined;
}
