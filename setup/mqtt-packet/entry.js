/**
 * The root of the bundle. Without this setting the first packet would build 65,536 Buffers; set here, while
 * the module loads, because a preloaded module cannot be changed afterwards.
 */
import { generate, parser, writeToStream } from "mqtt-packet";

writeToStream.cacheNumbers = false;

export { generate, parser, writeToStream };
