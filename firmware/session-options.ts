/** From the profile and flash to the options of an MQTT session. */
import { utf8Encode } from "dormouse/cbor/utf8";
import type { SessionOptions } from "dormouse/mqtt/session-options";
import type { Profile } from "dormouse/store/profile";
import { brokerPassword } from "./provisioned.js";

export function sessionOptions({ device, broker, mqtt }: Profile): SessionOptions {
  const userName = broker.username;
  const password = userName === undefined ? undefined : brokerPassword();
  return {
    version: mqtt.version === "5" ? 5 : 4,
    clientId: device.id,
    encrypted: broker.tls !== false,
    maxInFlight: 4,
    keepAliveSeconds: mqtt.keepAliveSeconds,
    ...(userName !== undefined && { userName }),
    ...(password !== undefined && { password: utf8Encode(password) }),
  };
}
