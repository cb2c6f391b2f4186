/**
 * The last will: what the broker publishes to BASE/will when the device is gone. Its counter is that of the message
 * that comes next, so a receiver sees a new one after every message; a device that sends none gives the same counter to
 * its will again. Under the will's own key that must never meet another plaintext: it is made of the device's id, which
 * that key is bound to, and of nothing else, so it is CBOR whatever the profile says.
 */
import type { Failure } from "dormouse/failure";
import type { Will } from "dormouse/mqtt/wire/packet-types";
import { thaw } from "dormouse/sealed/frozen";
import { encodePackCbor } from "dormouse/senml/cbor";
import type { Device } from "dormouse/store/device-record";
import type { Profile } from "dormouse/store/profile";
import { protectMessage } from "./protection.js";

export function lastWill(profile: Profile, device: Device, counter: number): Will | Failure | undefined {
  const { will } = profile.mqtt;
  if (!will) return undefined;
  const topic = `${profile.topics.base}/will`;
  const plaintext = encodePackCbor([{ n: `${profile.device.id}:gone`, vb: true }]);
  const payload = protectMessage(profile, device, topic, thaw({ plaintext, counter }));
  if ("kind" in payload) return payload;
  const { afterSeconds: delaySeconds, retain } = will;
  return { topic, payload, qos: 1, retain, ...(delaySeconds > 0 && { delaySeconds }) };
}
