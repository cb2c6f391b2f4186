/** One profile for many devices: what in it is the one device's name is the other's in theirs. */
import type { Profile } from "./profile.js";

/**
 * What stands where the device's id is a level of a topic, the user name or a PSK's identity, is the other id there too.
 * As part of a longer word it is somebody's word, and stays.
 */
export function withDeviceId(profile: Profile, id: string): Profile {
  const { device, broker, topics } = profile;
  const own = (name: string) => (name === device.id ? id : name);
  const topic = (name: string) => name.split("/").map(own).join("/");
  const { username, tls } = broker;
  return {
    ...profile,
    device: { ...device, id },
    broker: {
      ...broker,
      ...(username !== undefined && { username: own(username) }),
      tls:
        tls === false || tls.pskIdentity === undefined ? tls : { ...tls, pskIdentity: own(tls.pskIdentity) },
    },
    topics: { ...topics, base: topic(topics.base), readings: topic(topics.readings) },
  };
}
