/**
 * The client's opening handshake (RFC 6455 §4.1) for MQTT (MQTT 5 and 3.1.1 §6): what is asked for, and the one
 * answer that proves it was understood. It sends no cookie, no credentials and no Origin.
 */
import { utf8Encode } from "../cbor/utf8.js";
import { base64 } from "./base64.js";
import { sha1 } from "./sha1.js";

export interface WebSocketOptions {
  /** As in the URL: a name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Where the broker takes WebSockets, with the query if there is one: begins with a slash, printable ASCII, no `#`. */
  readonly path: string;
  /** wss: decides only whether Host needs the port. */
  readonly encrypted: boolean;
  /** 16 random bytes, for this connection alone. */
  readonly key: Uint8Array;
}

/** A request that was checked, and what the answer must say to it. */
export interface Request {
  readonly bytes: Uint8Array;
  readonly accept: string;
}

const maxPathLength = 255;
/** RFC 6455 §1.3. */
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** @throws {TypeError | RangeError} for what could not be sent as it is meant */
export function makeRequest({ host, port, path, encrypted, key }: WebSocketOptions): Request {
  if (typeof host !== "string" || typeof path !== "string")
    throw new TypeError("host and path must be strings");
  if (!isHost(host)) throw new RangeError("host must be a name or an address");
  if (!isPath(path)) throw new RangeError("path must begin with / and be printable ASCII without #");
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new RangeError("port must be a whole number from 1 to 65535");
  if (!(key instanceof Uint8Array)) throw new TypeError("key must be bytes");
  if (key.length !== 16) throw new RangeError("key must have 16 bytes");
  const authority = host.includes(":") ? `[${host}]` : host;
  const nonce = base64(key);
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${authority}${port === (encrypted ? 443 : 80) ? "" : `:${port}`}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${nonce}`,
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: mqtt",
    "\r\n",
  ];
  return { bytes: utf8Encode(lines.join("\r\n")), accept: base64(sha1(utf8Encode(nonce + guid))) };
}

/** Nothing that could end the line or begin another. */
function isHost(host: string): boolean {
  for (let i = 0; i < host.length; i++) {
    const code = host.charCodeAt(i);
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    // Digits and the colon of IPv6 addresses; - . _
    if (!letter && !(code >= 0x30 && code <= 0x3a) && code !== 0x2d && code !== 0x2e && code !== 0x5f)
      return false;
  }
  return host.length > 0 && host.length <= 253;
}

/** RFC 6455 §3: no fragment. */
function isPath(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f || code === 0x23) return false;
  }
  return path.startsWith("/") && path.length <= maxPathLength;
}
