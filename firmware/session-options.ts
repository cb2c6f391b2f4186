/** From the profile, flash and memory to the options of an MQTT session. */
import type { Failure } from "dormouse/failure";
import type { SessionOptions } from "dormouse/mqtt/session-options";
import { rtcBytes } from "dormouse/native/power";
import type { Device } from "dormouse/store/device-record";
import { clientId, type Profile } from "dormouse/store/profile";
import { connectPassword } from "./authentication.js";
import type { Memory } from "./memory.js";
import { lastWill } from "./will.js";

/** Acknowledgements awaited at once: each message in flight takes some 100 bytes of a machine's memory. */
const maxInFlight = 4;

/** The largest packet a broker may send: nothing that a device is told is longer. */
function maxPacketBytes(): number {
  return rtcBytes() < 2048 ? 256 : 512;
}

/** @returns options whose password the caller zeroes; or why the device cannot log in */
export function sessionOptions(profile: Profile, device: Device, memory: Memory): SessionOptions | Failure {
  const { broker, mqtt } = profile;
  const userName = broker.username;
  const password = connectPassword(profile, device, memory.clock);
  if (password && "kind" in password) return password;
  const will = lastWill(profile, device, memory.nextCounter);
  return {
    version: mqtt.version === "5" ? 5 : 4,
    clientId: clientId(profile),
    encrypted: broker.tls !== false,
    maxInFlight,
    maxPacketBytes: maxPacketBytes(),
    cleanStart: mqtt.sessionExpirySeconds === 0,
    sessionExpirySeconds: mqtt.sessionExpirySeconds,
    pipelining: mqtt.pipelining,
    keepAliveSeconds: mqtt.keepAliveSeconds,
    ...(userName !== undefined && { userName }),
    ...(password !== undefined && { password }),
    ...(will && { will }),
  };
}
