/** From the profile and flash to the options of an MQTT session. */
import type { Failure } from "dormouse/failure";
import type { SessionOptions } from "dormouse/mqtt/session-options";
import type { Device } from "dormouse/store/device-record";
import { clientId, type Profile } from "dormouse/store/profile";
import type { Clock } from "dormouse/tls/options";
import { connectPassword } from "./authentication.js";

/** @returns options whose password the caller zeroes; or why the device cannot log in */
export function sessionOptions(profile: Profile, device: Device, clock: Clock): SessionOptions | Failure {
  const { broker, mqtt } = profile;
  const userName = broker.username;
  const password = connectPassword(profile, device, clock);
  if (password && "kind" in password) return password;
  return {
    version: mqtt.version === "5" ? 5 : 4,
    clientId: clientId(profile),
    encrypted: broker.tls !== false,
    maxInFlight: 4,
    keepAliveSeconds: mqtt.keepAliveSeconds,
    ...(userName !== undefined && { userName }),
    ...(password !== undefined && { password }),
  };
}
