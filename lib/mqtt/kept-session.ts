/**
 * What a session leaves for its next connection, also across deep sleep: the broker's limits, and of a session that
 * the broker keeps too, the packet identifiers in flight. Messages are not in it: their owner has them, by token.
 *
 *   0  version, 1     1  flags: limits known 1, retain 2, wildcard 4, shared 8, identifiers 16, maximum QoS from 32 up
 *   2  receive maximum, u8                3  topic alias maximum, u16      5  keep alive, u16
 *   7  session expiry, u32               11  maximum packet size, u32     15  pipelining pause, u8
 *  16  next packet identifier, u16       18  subscriptions, u32           22  outgoing, u8     23  incoming, u8
 *  24  outgoing: packet identifier u16, stage u8, token u48 each; then incoming: packet identifier u16 each
 * end  CRC-32 of all before it and of the client's version and id
 */
import { crc32 } from "../crc32.js";
import type { Limits } from "./limits.js";
import type { SessionOptions } from "./session-options.js";
import { textBytes, writeText } from "./wire/text.js";

export interface KeptSession {
  /** As the last CONNACK granted them; undefined when nothing is known of the broker. */
  readonly limits: Limits | undefined;
  /** For how many connections nothing is to go out before CONNACK, because the broker broke one on which it did. */
  readonly pipeliningPause: number;
  readonly nextPacketId: number;
  /** Of the subscriptions the broker has confirmed; 0: none. */
  readonly subscriptionsHash: number;
  readonly outgoing: readonly KeptMessage[];
  /** QoS 2 messages received whose PUBREL has not come. */
  readonly incoming: readonly number[];
}

export interface KeptMessage {
  readonly packetId: number;
  readonly token: number;
  readonly qos: 1 | 2;
  /** QoS 2: the broker has the message and PUBREL is due. */
  readonly released: boolean;
}

/**
 * Of a session with nothing in flight, by a client that knows nothing of the broker; also after it lost its memory. Who
 * publishes at QoS 2 then begins with a packet identifier by chance: the broker may hold the first ones still.
 */
export const emptyKept: KeptSession = {
  limits: undefined,
  pipeliningPause: 0,
  nextPacketId: 1,
  subscriptionsHash: 0,
  outgoing: [],
  incoming: [],
};

const version = 1;
const headBytes = 24;
const messageBytes = 9;
const checksumBytes = 4;
const stage = { published1: 1, published2: 2, released: 3 } as const;

/** 28 bytes when nothing is in flight, 9 more for each message sent and 2 for each received. */
export function encodeKept(kept: KeptSession, client: Client): Uint8Array {
  const { limits, outgoing, incoming } = kept;
  const end = headBytes + messageBytes * outgoing.length + 2 * incoming.length;
  const data = new Uint8Array(end + checksumBytes);
  const view = new DataView(data.buffer);
  view.setUint8(0, version);
  if (limits) {
    const { retainAvailable, wildcardSubscriptions, sharedSubscriptions, subscriptionIdentifiers } = limits;
    const flags =
      1 |
      (retainAvailable ? 2 : 0) |
      (wildcardSubscriptions ? 4 : 0) |
      (sharedSubscriptions ? 8 : 0) |
      (subscriptionIdentifiers ? 16 : 0);
    view.setUint8(1, flags | (limits.maximumQoS << 5));
    view.setUint8(2, limits.receiveMaximum);
    view.setUint16(3, limits.topicAliasMaximum);
    view.setUint16(5, limits.keepAliveSeconds);
    view.setUint32(7, limits.sessionExpirySeconds);
    view.setUint32(11, limits.maxPacketBytes);
  }
  view.setUint8(15, kept.pipeliningPause);
  view.setUint16(16, kept.nextPacketId);
  view.setUint32(18, kept.subscriptionsHash);
  view.setUint8(22, outgoing.length);
  view.setUint8(23, incoming.length);
  let at = headBytes;
  for (const { packetId, token, qos, released } of outgoing) {
    view.setUint16(at, packetId);
    view.setUint8(at + 2, released ? stage.released : qos === 2 ? stage.published2 : stage.published1);
    view.setUint16(at + 3, Math.floor(token / 2 ** 32));
    view.setUint32(at + 5, token >>> 0);
    at += messageBytes;
  }
  for (const packetId of incoming) {
    view.setUint16(at, packetId);
    at += 2;
  }
  view.setUint32(end, checksum(data, end, client));
  return data;
}

/**
 * @param client whose session it is to be: another client id or MQTT version is another session, and with fewer messages
 *   in flight it cannot be taken up
 * @returns undefined for whatever `encodeKept` has not written for this client
 */
export function decodeKept(data: Uint8Array, client: Client): KeptSession | undefined {
  if (data.length < headBytes + checksumBytes || data[0] !== version) return undefined;
  const outgoingCount = data[22]!;
  const incomingCount = data[23]!;
  const end = headBytes + messageBytes * outgoingCount + 2 * incomingCount;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (data.length !== end + checksumBytes || view.getUint32(end) !== checksum(data, end, client))
    return undefined;
  // Whoever can write these bytes, checksum and all, must not be able to stop the session with them.
  if (outgoingCount > (client.maxInFlight ?? 8) || view.getUint16(16) === 0) return undefined;
  const outgoing: KeptMessage[] = [];
  const incoming: number[] = [];
  let at = headBytes;
  for (let i = 0; i < outgoingCount; i++, at += messageBytes) {
    const what = view.getUint8(at + 2);
    if (what < stage.published1 || what > stage.released || view.getUint16(at) === 0) return undefined;
    outgoing.push({
      packetId: view.getUint16(at),
      token: view.getUint16(at + 3) * 2 ** 32 + view.getUint32(at + 5),
      qos: what === stage.published1 ? 1 : 2,
      released: what === stage.released,
    });
  }
  for (let i = 0; i < incomingCount; i++, at += 2) incoming.push(view.getUint16(at));
  const known = view.getUint8(1) !== 0;
  if (known && (view.getUint8(1) >> 5 > 2 || view.getUint8(2) === 0)) return undefined;
  return {
    limits: known ? decodeLimits(view) : undefined,
    pipeliningPause: view.getUint8(15),
    nextPacketId: view.getUint16(16),
    subscriptionsHash: view.getUint32(18),
    outgoing,
    incoming,
  };
}

type Client = Pick<SessionOptions, "version" | "clientId" | "maxInFlight">;

function decodeLimits(view: DataView): Limits {
  const flags = view.getUint8(1);
  return {
    receiveMaximum: view.getUint8(2),
    maxPacketBytes: view.getUint32(11),
    maximumQoS: (flags >> 5) as 0 | 1 | 2,
    retainAvailable: (flags & 2) !== 0,
    topicAliasMaximum: view.getUint16(3),
    keepAliveSeconds: view.getUint16(5),
    sessionExpirySeconds: view.getUint32(7),
    wildcardSubscriptions: (flags & 4) !== 0,
    sharedSubscriptions: (flags & 8) !== 0,
    subscriptionIdentifiers: (flags & 16) !== 0,
  };
}

function checksum(data: Uint8Array, end: number, { version: protocol = 5, clientId }: Client): number {
  const name = new Uint8Array(1 + textBytes(clientId, "client id"));
  name[0] = protocol;
  writeText(clientId, name, 1);
  return crc32(data, 0, end, crc32(name, 0, name.length));
}
