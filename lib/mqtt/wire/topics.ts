/** Topic names and topic filters (§4.7 of both standards) and shared subscriptions (MQTT 5 §4.8.2). */
import type { ProtocolVersion } from "./reason-codes.js";
import { textBytes } from "./text.js";

const share = "$share/";

/**
 * Checks a topic to publish to: at least one character [MQTT-4.7.3-1], no wildcards [MQTT-3.3.2-2].
 * @throws {TypeError | RangeError}
 */
export function checkTopicName(topic: string, what = "topic"): void {
  if (textBytes(topic, what) === 0) throw new RangeError(`${what} must not be empty`);
  if (hasWildcard(topic)) throw new RangeError(`${what} must not contain + or #`);
}

/**
 * Checks a filter to subscribe to; in MQTT 5 also `$share/NAME/FILTER`, which is an ordinary filter in 3.1.1.
 * @throws {TypeError | RangeError}
 */
export function checkTopicFilter(filter: string, version: ProtocolVersion): void {
  textBytes(filter, "topic filter");
  let ordinary = filter;
  if (version === 5 && filter.startsWith(share)) {
    const [name, rest] = splitShare(filter);
    // [MQTT-4.8.2-1], [MQTT-4.8.2-2]
    if (name === "" || hasWildcard(name) || rest === undefined)
      throw new RangeError("a shared subscription is $share/NAME/FILTER, with a name without + and #");
    ordinary = rest;
  }
  if (ordinary === "") throw new RangeError("topic filter must not be empty");
  const levels = ordinary.split("/");
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]!;
    // [MQTT-4.7.1-1], [MQTT-4.7.1-2]
    if (level.length > 1 && hasWildcard(level))
      throw new RangeError("topic filter: + and # must be a level of their own");
    if (level === "#" && i < levels.length - 1)
      throw new RangeError("topic filter: # must be the last level");
  }
}

/**
 * Whether a message to `topic` belongs to a subscription of `filter`; both well-formed. Of a shared subscription
 * give what `sharedFilter` returns.
 */
export function topicMatches(filter: string, topic: string): boolean {
  // [MQTT-4.7.2-1]: a broker's own topics are not meant by a wildcard in the first level.
  if (topic.startsWith("$") && (filter.startsWith("+") || filter.startsWith("#"))) return false;
  const levels = filter.split("/");
  const names = topic.split("/");
  for (let i = 0; i < levels.length; i++) {
    // Matches its parent level too (§4.7.1.2).
    if (levels[i] === "#") return true;
    if (i === names.length || (levels[i] !== "+" && levels[i] !== names[i])) return false;
  }
  return levels.length === names.length;
}

/** The FILTER of `$share/NAME/FILTER`, undefined for any other filter; MQTT 5 only. */
export function sharedFilter(filter: string): string | undefined {
  return filter.startsWith(share) ? splitShare(filter)[1] : undefined;
}

export function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}

function splitShare(filter: string): [name: string, rest: string | undefined] {
  const end = filter.indexOf("/", share.length);
  return end < 0
    ? [filter.slice(share.length), undefined]
    : [filter.slice(share.length, end), filter.slice(end + 1)];
}
