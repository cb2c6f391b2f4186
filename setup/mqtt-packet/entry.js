/**
 * The root of the bundle: mqtt-packet without `generate`, which needs twice the memory of `writeToStream` with
 * a sink that knows the packet's length. Without the setting the first packet would build 65,536 Buffers; it
 * is made while the module loads, because a preloaded module cannot be changed afterwards.
 */
import constants from "mqtt-packet/constants.js";
import Parser from "mqtt-packet/parser.js";
import writeToStream from "mqtt-packet/writeToStream.js";

writeToStream.cacheNumbers = false;

/** What is frozen stays in flash; for all else a board keeps four bytes of RAM in readiness for its changing. */
function freeze(value) {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  for (const name of Object.keys(value)) freeze(value[name]);
  Object.freeze(value);
}
freeze(constants);

export const parser = Parser.parser;
export { writeToStream };
