/**
 * The simulated network around a board: it answers what the engine asks (join an access point, an address by DHCP, a
 * name, the time) with a text and the time it took on the virtual clock. A function of the world's description, a seeded
 * generator and what the board has joined; only names outside the world's table go to the real resolver.
 */
import { lookup } from "node:dns/promises";
import { isIPv4 } from "node:net";
import { type AccessPoint, type StaticAddress, Station } from "./access-point.js";
import type { Prng } from "./prng.js";

/** Milliseconds, from and to. */
export type Span = readonly [number, number];

export interface World {
  readonly accessPoints: readonly AccessPoint[];
  /** Whatever network a board asks for is there, and its password is right: the first access point is it. */
  readonly welcomes?: boolean;
  /** IPv4 addresses by lower-case name; "" means: this name does not exist. */
  readonly names: ReadonlyMap<string, string>;
  /** Ask the machine's resolver for names that are not in the table. */
  readonly systemNames: boolean;
  /** Whether time servers answer. */
  readonly timeServers: boolean;
  /** What time servers are wrong by. */
  readonly timeErrorMs: number;
  /** How much longer a packet needs, each way; and which part of them is lost, each way, from 0 to 1. */
  readonly delayMs?: number;
  readonly loss?: number;
  /** A scan of all channels. */
  readonly scanMs: Span;
  /** To join an access point whose channel is known: authentication, association, the four-way handshake. */
  readonly associateMs: Span;
  /** What it takes longer with a password, out of which the board makes a key (4,096 rounds). */
  readonly keyMs: Span;
  readonly dhcpMs: Span;
  readonly dnsMs: Span;
  readonly sntpMs: Span;
}

export interface Reply {
  readonly text: string;
  readonly advanceMs: number;
}

/** Without an access point in sight a board scans every channel twice before it gives up. */
const vainScanMs: Span = [2200, 3000];
/** All channels, each listened to for long enough. */
const scanAllMs: Span = [1400, 2400];
/** One channel, scanned in vain. */
const vainLookMs: Span = [120, 240];
/** A wrong password shows when the four-way handshake times out. */
const handshakeTimeoutMs: Span = [3500, 4500];
/** How long the SDK's clients wait for an answer that does not come: names and time. */
const dnsTimeoutMs = 7000;
const sntpTimeoutMs = 25_000;

/** The network of a profile that leaves it to Improv. */
export const improvSsid = "improv";

/** A quiet home: one access point, and the embedded broker's name on the loopback interface. */
export function quietWorld(
  accessPoint: Pick<AccessPoint, "ssid" | "password">,
  names: Record<string, string>,
): World {
  return {
    accessPoints: [
      {
        ...accessPoint,
        bssid: "02:00:5e:00:53:01",
        channel: 6,
        rssi: -58,
        address: "192.168.4.23",
        mask: "255.255.255.0",
        gateway: "192.168.4.1",
        nameServer: "192.168.4.1",
        leaseSeconds: 86_400,
      },
    ],
    names: new Map(Object.entries(names).map(([name, address]) => [name.toLowerCase(), address])),
    systemNames: true,
    timeServers: true,
    timeErrorMs: 0,
    scanMs: [600, 1000],
    associateMs: [150, 300],
    keyMs: [450, 700],
    dhcpMs: [150, 300],
    dnsMs: [8, 45],
    sntpMs: [20, 90],
  };
}

/**
 * @param detail as the engine's contract has it: JSON of a WifiQuestion, a name, or a host
 * @param atMs the virtual clock when the board asked
 * @param station what the network knows of this board; a new one is of a board that was never there
 * @throws {RangeError} for a kind of question that does not exist
 */
export async function answer(
  world: World,
  random: Prng,
  kind: string,
  detail: string,
  atMs: number,
  station = new Station(),
): Promise<Reply> {
  const reply = await answerAtOnce(world, random, kind, detail, atMs, station);
  return overLink(world, random, kind, reply);
}

/** How long a client waits before it asks again, each time, and when it gives up: the SDK's. */
const patience: { readonly [kind: string]: { readonly againMs: readonly number[]; readonly endMs: number } } =
  {
    dhcp: { againMs: [2000, 4000, 8000], endMs: 16_000 },
    dns: { againMs: [1000, 1000, 2000], endMs: dnsTimeoutMs },
    sntp: { againMs: [], endMs: sntpTimeoutMs },
  };

/** A question and its answer are two packets. What is lost is asked again. */
function overLink({ delayMs = 0, loss = 0 }: World, random: Prng, kind: string, reply: Reply): Reply {
  const client = patience[kind];
  if (!client || (kind === "dns" && reply.advanceMs === 0)) return reply;
  let advanceMs = reply.advanceMs + 2 * delayMs;
  const isLost = () => loss > 0 && random.next() / 2 ** 32 < 1 - (1 - loss) ** 2;
  for (const againMs of client.againMs) {
    if (!isLost()) return { ...reply, advanceMs };
    advanceMs += againMs;
  }
  return isLost() ? { text: "", advanceMs: client.endMs } : { ...reply, advanceMs };
}

async function answerAtOnce(
  world: World,
  random: Prng,
  kind: string,
  detail: string,
  atMs: number,
  station: Station,
): Promise<Reply> {
  switch (kind) {
    case "wifi":
      return join(world, random, JSON.parse(detail) as WifiQuestion, atMs, station);
    case "scan":
      return scan(world, random);
    case "dhcp":
      return lease(world, random, atMs, station);
    case "dns":
      if (!isIPv4(detail) && !station.hasNames(atMs)) return { text: "", advanceMs: dnsTimeoutMs };
      return resolve(world, random, detail);
    case "sntp":
      if (!station.hasNames(atMs)) return { text: "", advanceMs: sntpTimeoutMs };
      return timeOf(world, random, atMs);
    default:
      throw new RangeError(`the engine asks for "${kind}", which the world does not know`);
  }
}

interface WifiQuestion {
  readonly ssid: string;
  readonly password: string;
  /** With its channel: this access point or none. */
  readonly bssid?: string;
  readonly channel?: number;
  readonly static?: StaticAddress;
}

function during(random: Prng, [from, to]: Span): number {
  return random.whole(from, to);
}

function join(world: World, random: Prng, question: WifiQuestion, atMs: number, station: Station): Reply {
  const { ssid, password, bssid, channel } = question;
  const aimed = bssid !== undefined;
  const found = inSight(world, question).filter(
    (point) => point.ssid === ssid && (!aimed || (point.bssid === bssid && point.channel === channel)),
  );
  const best = found.sort((a, b) => b.rssi - a.rssi)[0];
  station.leave();
  if (!best)
    return { text: "failed no-access-point", advanceMs: during(random, aimed ? vainLookMs : vainScanMs) };
  if (best.password !== password)
    return { text: "failed wrong-password", advanceMs: during(random, handshakeTimeoutMs) };
  station.join(best, question.static);
  const rssi = best.rssi + random.whole(-4, 4);
  const reached = station.reached(atMs) ? "reached" : "silent";
  return {
    text: `ok ${best.bssid} ${best.channel} ${rssi} ${reached}`,
    advanceMs:
      (aimed ? 0 : during(random, world.scanMs)) +
      during(random, world.associateMs) +
      (password ? during(random, world.keyMs) : 0),
  };
}

function inSight({ accessPoints, welcomes }: World, { ssid, password }: WifiQuestion): AccessPoint[] {
  return accessPoints
    .slice(0, welcomes ? 1 : undefined)
    .map((point) => (welcomes ? { ...point, ssid, password } : point));
}

/** As the SDK tells of networks. The engine takes 1,023 bytes of an answer. */
function scan({ accessPoints }: World, random: Prng): Reply {
  const found = accessPoints.slice(0, 8).map(({ ssid, bssid, channel, rssi, password }) => ({
    SSID: ssid,
    BSSID: bssid,
    channel,
    RSSI: rssi + random.whole(-4, 4),
    security: password ? "wpa2_psk" : "none",
  }));
  return { text: JSON.stringify(found), advanceMs: during(random, scanAllMs) };
}

function lease(world: World, random: Prng, atMs: number, station: Station): Reply {
  const granted = station.lease(atMs);
  const advanceMs = during(random, world.dhcpMs);
  if (!granted) return { text: "", advanceMs };
  const { address, mask, gateway, nameServer, leaseSeconds } = granted;
  return { text: `${address} ${mask} ${gateway} ${nameServer} ${leaseSeconds}`, advanceMs };
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

/** The answer's time is that of its arrival, in whole seconds: the SDK's client leaves the fraction away. */
function timeOf(world: World, random: Prng, atMs: number): Reply {
  const advanceMs = during(random, world.sntpMs);
  return {
    text: world.timeServers ? String(Math.floor((atMs + advanceMs + world.timeErrorMs) / 1000)) : "",
    advanceMs,
  };
}
