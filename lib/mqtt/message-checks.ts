/** What a caller may ask to be sent; a mistake throws before anything is. */
import type { Message } from "./session-state.js";
import type { MessageProperties } from "./wire/packet-types.js";
import { maxTextBytes, textBytes } from "./wire/text.js";
import { checkTopicName } from "./wire/topics.js";

/** @throws {TypeError | RangeError} for a message that no broker could take */
export function checkMessage(message: Message): void {
  checkTopicName(message.topic);
  if (!(message.payload instanceof Uint8Array)) throw new TypeError("payload must be bytes");
  whole(message.qos, 0, 2, "qos");
  checkProperties(message);
}

/** @throws {TypeError | RangeError} */
export function checkProperties(properties: MessageProperties): void {
  const {
    messageExpirySeconds = 0,
    contentType,
    responseTopic,
    correlationData,
    userProperties,
  } = properties;
  whole(messageExpirySeconds, 0, 0xffff_ffff, "messageExpirySeconds");
  if (contentType !== undefined) textBytes(contentType, "contentType");
  // [MQTT-3.3.2-14]
  if (responseTopic !== undefined) checkTopicName(responseTopic);
  if (correlationData !== undefined) {
    if (!(correlationData instanceof Uint8Array)) throw new TypeError("correlationData must be bytes");
    if (correlationData.length > maxTextBytes) throw new RangeError("correlationData is too long");
  }
  for (const [name, value] of userProperties ?? []) {
    textBytes(name, "user property");
    textBytes(value, "user property");
  }
}

/** @throws {RangeError} */
export function whole(value: number, least: number, most: number, name: string): number {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}`);
  return value;
}
