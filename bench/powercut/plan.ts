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

const chance = (random: Prng, percent: number) => random.whole(1, 100) <= percent;
const oneOf = <T>(random: Prng, choices: readonly T[]): T => choices[random.whole(0, choices.length - 1)]!;

/** Boots in which anything may happen. */
export function disturbedBoots(random: Prng): number {
  return random.whole(6, 20);
}

export function boardOf(random: Prng): BoardName {
  return oneOf(random, ["esp32", "esp32", "esp8266", "esp32c3"]);
}

export const device = "dormouse-1";
export const controllers = ["office"];

/** As a user would write it; the profile's own checks stand. */
export function profileOf(random: Prng, board: BoardName, port: number): Profile {
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
    outbox: outboxOf(random, small),
    ...(settings && { commands: { ...settings, ...operator } }),
  };
}

/** Little room, so that it is soon full. */
function outboxOf(random: Prng, small: boolean): OutboxSettings {
  return {
    spillEvery: random.whole(1, small ? 4 : 8),
    flashBytes: oneOf(random, [0, 384, 1024, 4096]),
    drop: oneOf(random, ["oldest", "newest", "thin"] as const),
  };
}

/** For how many boots there is no access point from now on. */
export function outageOf(random: Prng): number {
  return chance(random, 7) ? random.whole(2, 14) : chance(random, 6) ? 1 : 0;
}

/**
 * @param effects of a boot before, to cut about its writes
 * @param outage there is no access point
 */
export function bootOf(random: Prng, effects: number, outage: boolean): Boot {
  return {
    power: chance(random, 35) ? powerFault(random, effects) : undefined,
    memory: chance(random, 6) ? oneOf(random, ["flash-full", "flash-lost"] as const) : "none",
    broker: {
      ...(chance(random, 12) && { hangsUpAfter: random.whole(0, 4) }),
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

export function afterCut(random: Prng): AfterCut {
  return oneOf(random, ["lost", "kept", "kept", "torn"]);
}

export function asleepOf(random: Prng): Asleep {
  const where = random.whole(1, 100);
  if (where <= 4) return "rtc-lost";
  if (where <= 7) return "rtc-torn";
  return where <= 9 ? "flashed-anew" : "nothing";
}
