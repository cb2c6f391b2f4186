/** Packet identifiers of what this side sends: PUBLISH, SUBSCRIBE and UNSUBSCRIBE share them (§2.2.1). */
import type { Exchange } from "./session-state.js";

type Taken = Pick<Exchange, "nextPacketId" | "outgoing" | "requests">;

/** The next that nothing in flight has [MQTT-2.2.1-3]; there are more than can be in flight. */
export function freePacketId({ nextPacketId, outgoing, requests }: Taken): number {
  let packetId = nextPacketId;
  const has = (one: { readonly packetId: number }) => one.packetId === packetId;
  while (outgoing.some(has) || requests.some(has)) packetId = idAfter(packetId);
  return packetId;
}

export function idAfter(packetId: number): number {
  return packetId === 65535 ? 1 : packetId + 1;
}
