/**
 * The simulated network around a board: it answers what the engine asks (join an access point, resolve a name,
 * ask a time server) with a text and the time it took on the virtual clock. A function of the world's
 * description and a seeded generator; only names outside the world's table go to the real resolver.
 */
import { lookup } from "node:dns/promises";
import { isIPv4 } from "node:net";
import type { Prng } from "./prng.js";

export interface AccessPoint {
  readonly ssid: string;
  /** Empty: open. */
  readonly password: string;
  readonly channel: number;
  readonly rssi: number;
  /** What its DHCP server hands out. */
  readonly address: string;
}

/** Milliseconds, from and to. */
export type Span = readonly [number, number];

export interface World {
  readonly accessPoints: readonly AccessPoint[];
  /** IPv4 addresses by lower-case name; "" means: this name does not exist. */
  readonly names: ReadonlyMap<string, string>;
  /** Ask the machine's resolver for names that are not in the table. */
  readonly systemNames: boolean;
  /** Whether time servers answer. */
  readonly timeServers: boolean;
  /** What time servers are wrong by. */
  readonly timeErrorMs: number;
  readonly joinMs: Span;
  readonly dnsMs: Span;
  readonly sntpMs: Span;
}

export interface Reply {
  readonly text: string;
  readonly advanceMs: number;
}

/** Without an access point in sight a board scans every channel before it gives up. */
const scanMs: Span = [2200, 3000];
/** A wrong password shows when the four-way handshake times out. */
const handshakeTimeoutMs: Span = [3500, 4500];

/** A quiet home: one access point, and the embedded broker's name on the loopback interface. */
export function quietWorld(
  accessPoint: Pick<AccessPoint, "ssid" | "password">,
  names: Record<string, string>,
): World {
  return {
    accessPoints: [{ ...accessPoint, channel: 6, rssi: -58, address: "192.168.4.23" }],
    names: new Map(Object.entries(names).map(([name, address]) => [name.toLowerCase(), address])),
    systemNames: true,
    timeServers: true,
    timeErrorMs: 0,
    joinMs: [900, 1600],
    dnsMs: [8, 45],
    sntpMs: [20, 90],
  };
}

/**
 * @param detail as the engine's contract has it: JSON {ssid, password}, a name, or a host
 * @param atMs the virtual clock when the board asked
 * @throws {RangeError} for a kind of question that does not exist
 */
export async function answer(
  world: World,
  random: Prng,
  kind: string,
  detail: string,
  atMs: number,
): Promise<Reply> {
  switch (kind) {
    case "wifi":
      return join(world, random, detail);
    case "dns":
      return resolve(world, random, detail);
    case "sntp":
      return timeOf(world, random, atMs);
    default:
      throw new RangeError(`the engine asks for "${kind}", which the world does not know`);
  }
}

function during(random: Prng, [from, to]: Span): number {
  return random.whole(from, to);
}

function join(world: World, random: Prng, detail: string): Reply {
  const { ssid, password } = JSON.parse(detail) as { ssid: string; password: string };
  const found = world.accessPoints.filter((point) => point.ssid === ssid);
  const best = found.sort((a, b) => b.rssi - a.rssi)[0];
  if (!best) return { text: "failed no-access-point", advanceMs: during(random, scanMs) };
  if (best.password !== password)
    return { text: "failed wrong-password", advanceMs: during(random, handshakeTimeoutMs) };
  const rssi = best.rssi + random.whole(-4, 4);
  return { text: `ok ${best.address} ${rssi} ${best.channel}`, advanceMs: during(random, world.joinMs) };
}

async function resolve(world: World, random: Prng, name: string): Promise<Reply> {
  if (isIPv4(name)) return { text: name, advanceMs: 0 };
  const advanceMs = during(random, world.dnsMs);
  const known = world.names.get(name.toLowerCase().replace(/\.$/, ""));
  if (known !== undefined || !world.systemNames) return { text: known ?? "", advanceMs };
  try {
    const { address } = await lookup(name, { family: 4 });
    return { text: address, advanceMs };
  } catch {
    return { text: "", advanceMs };
  }
}

/** The answer's time is that of its arrival; SNTP clients correct for half the round trip (RFC 4330 §5). */
function timeOf(world: World, random: Prng, atMs: number): Reply {
  const advanceMs = during(random, world.sntpMs);
  return {
    text: world.timeServers ? String(Math.round((atMs + advanceMs + world.timeErrorMs) / 1000)) : "",
    advanceMs,
  };
}
