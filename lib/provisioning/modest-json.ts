/**
 * Whether JSON is so little that a board may parse it: the parser ends the machine, on an ESP8266 as on others, where its
 * stack or its memory does. It does not say whether the text is JSON.
 */

/** No profile is nested deeper than 4. */
const mostNested = 6;
/** No profile has more than 140 values, groups and lists. */
const mostValues = 160;

const quote = 0x22;
const backslash = 0x5c;

/** @param json UTF-8 */
export function isModest(json: Uint8Array): boolean {
  let nested = 0;
  let values = 0;
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (byte === quote) quoted = !quoted;
    else if (quoted) {
      // What is behind it does not end the text.
      if (byte === backslash) i++;
    } else if (byte === 0x5b || byte === 0x7b) {
      nested++;
      values++;
    } else if (byte === 0x5d || byte === 0x7d) nested--;
    else if (byte === 0x2c) values++;
    if (nested > mostNested || values > mostValues) return false;
  }
  return true;
}
