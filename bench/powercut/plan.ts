/** What a life of the campaign is like, out of its seed: the board, its profile, and what happens to it when. */
import { checkProfile } from "../../cli/profile/check.js";
import type { BoardName } from "../../host-sim/board.js";
import type { PowerFault } from "../../host-sim/device.js";
import type { Prng } from "../../host-sim/world/prng.js";
import type { OutboxSettings, Profile } from "../../lib/store/profile.js";
import type { Conduct } from "./broker.js";
import { operatorKid, operatorPoint } from "./commander.js";

/** What happens in one boot. */
export interface Boot {
  readonly power: PowerFault | undefined;
  readonly memory: "none" | "flash-full" | "flash-lost";
  readonly broker: Conduct;
  readonly accessPoint: boolean;
  readonly timeServer: boolean;
}

/** What somebody does to the sleeping board, or chance does. */
export type Asleep = "nothing" | "rtc-lost" | "rtc-torn" | "flashed-anew";

/** What RTC memory is like after the power went. */
export type AfterCut = "lost" | "kept" | "torn";

/** A boot and the sleep after it, of which nothing is left to chance: what is not said is quiet. */
export interface Step {
  readonly boot: Partial<Boot>;
  readonly asleep?: Asleep;
}

/** What lives are like, the campaign's own or others that lean to one kind of trouble; in percent where no choices are given. */
export interface Odds {
  readonly boards: readonly BoardName[];
  /** The image is a factory image, which may be flashed again. */
  readonly factory: readonly boolean[];
  /** Fewest and most. An ESP8266 has half of the most, or the fewest. */
  readonly spillEvery: readonly [from: number, to: number];
  readonly flashBytes: readonly number[];
  readonly drop: readonly NonNullable<OutboxSettings["drop"]>[];
  readonly outage: number;
  readonly powerFails: number;
  readonly afterCut: readonly AfterCut[];
  /** Flash is full, or deaf. */
  readonly flashFails: number;
  readonly hangsUp: number;
  readonly rtcLost: number;
  readonly rtcTorn: number;
  readonly flashedAnew: number;
  /** These, in the place of boots in which anything may happen. */
  readonly steps?: readonly Step[];
}

export const campaignOdds: Odds = {
  boards: ["esp32", "esp32", "esp8266", "esp32c3"],
  factory: [false, true],
  spillEvery: [1, 8],
  flashBytes: [0, 384, 1024, 4096],
  drop: ["oldest", "newest", "thin"],
  outage: 7,
  powerFails: 35,
  afterCut: ["lost", "kept", "kept", "torn"],
  flashFails: 6,
  hangsUp: 12,
  rtcLost: 4,
  rtcTorn: 3,
  flashedAnew: 2,
};

const chance = (random: Prng, percent: number) => random.whole(1, 100) <= percent;
const oneOf = <T>(random: Prng, choices: readonly T[]): T => choices[random.whole(0, choices.length - 1)]!;

/** Boots in which anything may happen. */
export function disturbedBoots(random: Prng): number {
  return random.whole(6, 20);
}

export function boardOf(random: Prng, { boards }: Odds): BoardName {
  return oneOf(random, boards);
}

export function isFactoryImage(random: Prng, { factory }: Odds): boolean {
  return oneOf(random, factory);
}

export const device = "dormouse-1";
export const controllers = ["office"];

/** As a user would write it; the profile's own checks stand. */
export function profileOf(random: Prng, odds: Odds, board: BoardName, port: number): Profile {
  const seals = chance(random, 60);
  const small = board === "esp8266";
  const commands = chance(random, 50) && { commands: { protection: "stamp", controllers } };
  const written = {
    schema: 1,
    device: { id: device },
    wifi: { ssid: "burrow" },
    time: { server: "time.dormouse.test" },
    broker: { host: "127.0.0.1", port, tls: false, insecure: true },
    mqtt: {
      version: commands ? "5" : oneOf(random, ["5", "3.1.1"]),
      sessionExpirySeconds: 86_400,
      ...(chance(random, 20) && { will: {} }),
    },
    topics: {
      protection: seals ? "seal" : "stamp",
      algorithm: seals
        ? oneOf(random, ["chacha20-poly1305", "a128gcm", "aes-ccm-16-64-128"])
        : oneOf(random, ["hmac-256", "hmac-256-64"]),
    },
    ...commands,
    cycle: {
      intervalSeconds: 900,
      wakeBudgetSeconds: 10,
      // A broker that does not answer is waited for in real time.
      deadlineSeconds: { connect: 0.5, session: 0.2, drain: 0.2, commands: 0.2 },
      sendEvery: oneOf(random, [1, 1, 2, 3, 5]),
      backoffMaxSeconds: oneOf(random, [900, 1800, 3600]),
    },
  };
  const checked = checkProfile(JSON.stringify(written));
  if (!checked.ok)
    throw new RangeError(checked.mistakes.map(({ path, problem }) => `${path} ${problem}`).join("; "));
  const { commands: settings, ...profile } = checked.profile;
  // An ESP8266 has no P-256.
  const operator = small ? {} : { operator: { kid: operatorKid, key: operatorPoint() } };
  return {
    ...profile,
    outbox: outboxOf(random, odds, small),
    ...(settings && { commands: { ...settings, ...operator } }),
  };
}

/** Little room, so that it is soon full. */
function outboxOf(random: Prng, odds: Odds, small: boolean): OutboxSettings {
  const [fewest, most] = odds.spillEvery;
  return {
    spillEvery: random.whole(fewest, small ? Math.max(fewest, Math.floor(most / 2)) : most),
    flashBytes: oneOf(random, odds.flashBytes),
    drop: oneOf(random, odds.drop),
  };
}

/** For how many boots there is no access point from now on. */
export function outageOf(random: Prng, { outage }: Odds): number {
  return chance(random, outage) ? random.whole(2, 14) : chance(random, 6) ? 1 : 0;
}

/**
 * @param effects of a boot before, to cut about its writes
 * @param outage there is no access point
 */
export function bootOf(random: Prng, odds: Odds, effects: number, outage: boolean): Boot {
  return {
    power: chance(random, odds.powerFails) ? powerFault(random, effects) : undefined,
    memory: chance(random, odds.flashFails) ? oneOf(random, ["flash-full", "flash-lost"] as const) : "none",
    broker: {
      ...(chance(random, odds.hangsUp) && { hangsUpAfter: random.whole(0, 4) }),
      ...(chance(random, 4) && { deaf: true }),
      ...(chance(random, 3) && { forgets: true }),
    },
    accessPoint: !outage,
    timeServer: !chance(random, 8),
  };
}

export const quietBoot: Boot = {
  power: undefined,
  memory: "none",
  broker: {},
  accessPoint: true,
  timeServer: true,
};

/** The writes of a wake are among its first and its last effects; between them is what it sends. */
function powerFault(random: Prng, effects: number): PowerFault {
  if (chance(random, 15)) return { brownOutAfterBytecodes: random.whole(5_000, 400_000) };
  const where = random.whole(1, 100);
  const near = where <= 35 ? random.whole(1, 7) : effects + 1 - random.whole(0, 7);
  const cutAtEffect = where <= 65 ? near : random.whole(1, effects + 10);
  return {
    cutAtEffect: Math.max(1, cutAtEffect),
    ...(chance(random, 40) && { tear: chance(random, 50) ? true : random.whole(0, 600) }),
  };
}

/** Whether somebody commands the board while it sleeps. */
export function isCommanded(random: Prng): boolean {
  return chance(random, 25);
}

export function afterCutOf(random: Prng, { afterCut }: Odds): AfterCut {
  return oneOf(random, afterCut);
}

export function asleepOf(random: Prng, { rtcLost, rtcTorn, flashedAnew }: Odds): Asleep {
  const where = random.whole(1, 100);
  if (where <= rtcLost) return "rtc-lost";
  if (where <= rtcLost + rtcTorn) return "rtc-torn";
  return where <= rtcLost + rtcTorn + flashedAnew ? "flashed-anew" : "nothing";
}
