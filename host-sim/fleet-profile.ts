/** The profiles of a fleet: the one profile's device many times, each under a number of its own. */
import { withDeviceId } from "../lib/store/device-id.js";
import { type Profile, readProfile } from "../lib/store/profile.js";

/** dormouse-1, or dormouse, begets dormouse-1, dormouse-2 and so on. @param number from 1 */
function memberId(id: string, number: number): string {
  return `${id.replace(/-\d+$/, "")}-${number}`;
}

export function memberProfile(profile: Profile, number: number): Profile {
  const member = withDeviceId(profile, memberId(profile.device.id, number));
  // Who they are to TLS is what one key says, and they all have that.
  return { ...member, broker: { ...member.broker, tls: profile.broker.tls } };
}

/** Why so many devices cannot share this profile, in words; undefined: they can. */
export function fleetConflict(profile: Profile, devices: number): string | undefined {
  const [first, last] = [memberProfile(profile, 1), memberProfile(profile, devices)];
  const read = readProfile(JSON.stringify(last));
  if ("kind" in read) return `the profile of ${last.device.id}: ${read.detail}`;
  if (first.device.kid !== undefined) return "device.kid would be the same for all of them: leave it out";
  for (const setting of ["base", "readings"] as const)
    if (first.topics[setting] === last.topics[setting])
      return `topics.${setting} needs a level that is the device's id, ${profile.device.id}: each has topics of its own`;
  return undefined;
}
