/** From the profile, flash and memory to the options of an MQTT session. */
import { maxCrlBytes } from "dormouse/commands/command";
import type { Failure } from "dormouse/failure";
import type { SessionOptions } from "dormouse/mqtt/session-options";
import type { Device } from "dormouse/store/device-record";
import { clientId, type Profile } from "dormouse/store/profile";
import { takesCrl } from "dormouse/store/protection";
import { connectPassword } from "./authentication.js";
import { isSmall } from "./board.js";
import type { Memory } from "./memory.js";
import { commandTopic } from "./verifying.js";
import { lastWill } from "./will.js";

/** A whole packet: the largest command, its topic, and what a broker puts beside it; a small board takes smaller ones. */
function maxCommandBytes({ broker, commands }: Profile): number {
  if (isSmall()) return 384;
  return takesCrl(broker.tls, commands) ? 896 + maxCrlBytes : 896;
}

/** The device hears its commands, and the broker forgets one when flash remembers it. */
function commandOptions(profile: Profile): Partial<SessionOptions> {
  const filter = commandTopic(profile);
  return {
    // A retained command is none: it need not come.
    subscriptions: [{ filter, qos: 1, retainHandling: 2 }],
    deferredAcks: true,
    // Together they may come in one TLS record, of which the device takes 4,096 bytes.
    receiveMaximum: isSmall() || takesCrl(profile.broker.tls, profile.commands) ? 1 : 4,
  };
}

/** @returns options whose password the caller zeroes; or why the device cannot log in, or not leave its will */
export function sessionOptions(profile: Profile, device: Device, memory: Memory): SessionOptions | Failure {
  const { broker, mqtt } = profile;
  const userName = broker.username;
  const will = lastWill(profile, device, memory.nextCounter);
  if (will && "kind" in will) return will;
  const password = connectPassword(profile, device, memory.clock);
  if (password && "kind" in password) return password;
  return {
    version: mqtt.version === "5" ? 5 : 4,
    clientId: clientId(profile),
    encrypted: broker.tls !== false,
    ...(profile.commands && commandOptions(profile)),
    // Each message in flight takes some 100 bytes of a machine's memory.
    maxInFlight: isSmall() ? 1 : 4,
    // Nothing else that a device is told is longer.
    maxPacketBytes: profile.commands ? maxCommandBytes(profile) : isSmall() ? 256 : 512,
    cleanStart: mqtt.sessionExpirySeconds === 0 || memory.sessionIsForgotten,
    sessionExpirySeconds: mqtt.sessionExpirySeconds,
    pipelining: mqtt.pipelining,
    keepAliveSeconds: mqtt.keepAliveSeconds,
    ...(userName !== undefined && { userName }),
    ...(password !== undefined && { password }),
    ...(will && { will }),
  };
}
