/**
 * What the SDK's Wi-Fi interface lacks for a quick join: one access point without a scan, and what its DHCP server
 * granted. An address without DHCP is that interface's own `configure({ static })`.
 */
import type WiFi from "embedded:network/interface/wifi";

/** What a DHCP server granted (RFC 2131). Addresses in dotted form. */
export interface Lease {
  readonly address: string;
  readonly mask: string;
  readonly gateway: string;
  readonly nameServer: string;
  /** How long it lasted when it was granted; 2^32 - 1 is for ever. */
  readonly seconds: number;
}

/**
 * As `connect` of the interface, to this access point on this channel and no other. When it comes to nothing, nobody is
 * told: bound it by a timer, then `disconnect`.
 */
export function connectTo(
  wifi: WiFi,
  options: { SSID: string; password?: string; BSSID: string; channel: number },
): void;

/** Undefined without a lease: not joined, no answer yet, or the address was set by hand. */
export function readLease(wifi: WiFi): Lease | undefined;

/** Whom `System.resolve` asks. For an address that was set by hand; a lease brings its own. */
export function setNameServer(wifi: WiFi, address: string): void;
