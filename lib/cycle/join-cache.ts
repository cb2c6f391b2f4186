/**
 * What one wake found out about the network, for the next: which of it may still be used, and what is worth keeping. Each
 * piece is a hint, and whoever uses it falls back to finding out anew. Pure; times are the board's clock, in seconds.
 */
import type { NetworkCache } from "../store/rtc-network.js";

/** What a DHCP server granted, as native/station tells it. */
export interface Granted {
  readonly address: string;
  /** In dotted form. */
  readonly mask: string;
  readonly gateway: string;
  readonly nameServer: string;
  readonly seconds: number;
}

/** What the board has joined. */
export interface Joined {
  /** 6 bytes; undefined when the board cannot tell. */
  readonly bssid: Uint8Array | undefined;
  readonly channel: number | undefined;
  /** In dBm; undefined when the board cannot tell. */
  readonly rssi: number | undefined;
  /** Undefined: the address is the remembered one, or was not leased. */
  readonly lease: Granted | undefined;
}

/** How long an address is used before the name is asked for again: nobody tells how long it is good. */
export const nameSeconds = 3600;
/** Shorter leases are of networks where boards come and go. */
const minLeaseSeconds = 600;
/** Also of a lease for ever: now and then all is found out anew, and with it a nearer access point. */
const maxLeaseSeconds = 7 * 86_400;
/** The last tenth is the server's: the board's clock drifts, and nobody has told it that the board is still there. */
const leaseShare = 0.9;
/** With a weaker signal than this, in dBm, another access point may be nearer by now. */
const weakRssi = -75;

/** What may still be used. The access point goes with the lease. */
export function usable(cache: NetworkCache | undefined, nowSeconds: number): NetworkCache {
  if (!cache) return {};
  const { bssid, channel, lease, broker } = cache;
  const leased = lease !== undefined && lasts(lease, nowSeconds);
  return {
    ...(bssid && channel && (leased || !lease) && { bssid, channel }),
    ...(leased && { lease }),
    ...(broker && lasts(broker, nowSeconds) && { broker }),
  };
}

/** What would last longer than any lease may was noted by another clock: this one has begun anew since. */
function lasts({ endsAtSeconds }: { readonly endsAtSeconds: number }, nowSeconds: number): boolean {
  return nowSeconds < endsAtSeconds && endsAtSeconds <= nowSeconds + maxLeaseSeconds;
}

/** What is worth keeping of an access point and an address; `used` was used and has served. */
export function remembered(used: NetworkCache, joined: Joined, nowSeconds: number): NetworkCache {
  const { bssid, channel, rssi, lease } = joined;
  const near = rssi === undefined || rssi >= weakRssi;
  const granted = lease ? kept(lease, nowSeconds) : used.lease;
  return {
    ...(bssid?.length === 6 && channel && near && { bssid, channel }),
    ...(granted && { lease: granted }),
    ...(used.broker && { broker: used.broker }),
  };
}

/** The same cache, once the clock has jumped. */
export function clockJumped(cache: NetworkCache | undefined, jumpMs: number): NetworkCache | undefined {
  if (!cache) return undefined;
  const jump = Math.round(jumpMs / 1000);
  const moved = <T extends { readonly endsAtSeconds: number }>(part: T): T => ({
    ...part,
    endsAtSeconds: Math.max(0, part.endsAtSeconds + jump),
  });
  const { lease, broker } = cache;
  return { ...cache, ...(lease && { lease: moved(lease) }), ...(broker && { broker: moved(broker) }) };
}

/** The mask of so many bits, in dotted form. */
export function maskOf(prefixLength: number): string {
  const parts = [0, 8, 16, 24].map((from) => 256 - 2 ** (8 - Math.max(0, Math.min(8, prefixLength - from))));
  return parts.join(".");
}

function kept(granted: Granted, nowSeconds: number): NetworkCache["lease"] | undefined {
  const { address, mask, gateway, nameServer, seconds } = granted;
  const prefixLength = prefixOf(mask);
  if (prefixLength === undefined || seconds < minLeaseSeconds) return undefined;
  const endsAtSeconds = Math.floor(nowSeconds + leaseShare * Math.min(seconds, maxLeaseSeconds));
  return { address, prefixLength, gateway, nameServer, endsAtSeconds };
}

function prefixOf(mask: string): number | undefined {
  for (let length = 1; length <= 32; length++) if (maskOf(length) === mask) return length;
  return undefined;
}
