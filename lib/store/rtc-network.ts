/**
 * What joining the network found out, kept to join faster: with IPv4 it takes 45 bytes of RTC memory at most.
 * A hint only: whoever uses it falls back to finding out anew. An address in dotted form takes 4 bytes, any
 * other is kept as text.
 */
import { encode } from "../cbor/encode.js";
import type { CborValue } from "../cbor/value.js";
import { decodeArray, isCount } from "./section.js";

export interface NetworkCache {
  /** 6 bytes. */
  readonly bssid?: Uint8Array;
  readonly channel?: number;
  readonly lease?: {
    readonly address: string;
    readonly prefixLength: number;
    readonly gateway: string;
    readonly nameServer: string;
    readonly endsAtSeconds: number;
  };
  readonly broker?: { readonly address: string; readonly endsAtSeconds: number };
}

export function encodeNetwork({ bssid, channel, lease, broker }: NetworkCache): Uint8Array {
  return encode([
    bssid ?? null,
    channel ?? null,
    lease
      ? [
          packed(lease.address),
          lease.prefixLength,
          packed(lease.gateway),
          packed(lease.nameServer),
          lease.endsAtSeconds,
        ]
      : null,
    broker ? [packed(broker.address), broker.endsAtSeconds] : null,
  ]);
}

/** @returns undefined when it cannot be read. The BSSID is a view of `data`. */
export function decodeNetwork(data: Uint8Array | undefined): NetworkCache | undefined {
  const parts = decodeArray(data, 4);
  if (!parts) return undefined;
  const [bssid, channel] = parts;
  const lease = parts[2] === null ? null : decodeLease(parts[2]);
  const broker = parts[3] === null ? null : decodeBroker(parts[3]);
  if (!(bssid === null || (bssid instanceof Uint8Array && bssid.length === 6))) return undefined;
  if (!(channel === null || isCount(channel, 255)) || lease === undefined || broker === undefined)
    return undefined;
  return {
    ...(bssid && { bssid }),
    ...(channel !== null && { channel }),
    ...(lease && { lease }),
    ...(broker && { broker }),
  };
}

function decodeLease(value: CborValue): NetworkCache["lease"] | undefined {
  if (!Array.isArray(value) || value.length !== 5) return undefined;
  const address = unpacked(value[0]);
  const prefixLength = value[1];
  const gateway = unpacked(value[2]);
  const nameServer = unpacked(value[3]);
  const endsAtSeconds = value[4];
  if (address === undefined || gateway === undefined || nameServer === undefined) return undefined;
  if (!isCount(prefixLength, 128) || !isCount(endsAtSeconds)) return undefined;
  return { address, prefixLength, gateway, nameServer, endsAtSeconds };
}

function decodeBroker(value: CborValue): NetworkCache["broker"] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const address = unpacked(value[0]);
  const endsAtSeconds = value[1];
  return address !== undefined && isCount(endsAtSeconds) ? { address, endsAtSeconds } : undefined;
}

function packed(address: string): Uint8Array | string {
  const parts = address.split(".");
  const data = Uint8Array.from(parts, Number);
  return parts.length === 4 && data.join(".") === address ? data : address;
}

function unpacked(value: CborValue): string | undefined {
  if (value instanceof Uint8Array) return value.length === 4 ? value.join(".") : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}
