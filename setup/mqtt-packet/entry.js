/**
 * The root of the bundle: mqtt-packet without `generate`, which needs twice the memory of `writeToStream` with
 * a sink that knows the packet's length. Without the setting the first packet would build 65,536 Buffers; it
 * is made while the module loads, because a preloaded module cannot be changed afterwards.
 */
import Parser from "mqtt-packet/parser.js";
import writeToStream from "mqtt-packet/writeToStream.js";

writeToStream.cacheNumbers = false;

export const parser = Parser.parser;
export { writeToStream };
