/**
 * The last will: what the broker publishes to BASE/will when the device is gone. Its plaintext never changes, so its
 * counter, the one of the message that comes next, can never meet another under the will's own key; a receiver sees a
 * new one after every message.
 */
import { nativeCrypto } from "dormouse/crypto/native";
import type { Will } from "dormouse/mqtt/wire/packet-types";
import { thaw } from "dormouse/sealed/frozen";
import { deriveStampKey } from "dormouse/sealed/keys";
import { stamp } from "dormouse/sealed/stamp";
import { encodePackCbor } from "dormouse/senml/cbor";
import type { Device } from "dormouse/store/device-record";
import type { Profile } from "dormouse/store/profile";

export function lastWill(
  { device, mqtt, topics }: Profile,
  { secret, epoch }: Device,
  counter: number,
): Will | undefined {
  if (!mqtt.will) return undefined;
  const topic = `${topics.base}/will`;
  const plaintext = encodePackCbor([{ n: `${device.id}:gone`, vb: true }]);
  const key = deriveStampKey(nativeCrypto, secret, {
    sender: { id: device.id, epoch },
    direction: "up",
    topic,
  });
  const payload = stamp(nativeCrypto, key, thaw({ plaintext, counter }));
  key.key.close();
  const { afterSeconds: delaySeconds, retain } = mqtt.will;
  return { topic, payload, qos: 1, retain, ...(delaySeconds > 0 && { delaySeconds }) };
}
