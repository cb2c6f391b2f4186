/**
 * One life of the campaign: a factory image is flashed, then boots and sleeps in which anything may happen, then a quiet
 * time in which all that the board still has must arrive.
 */
import type { BootCause, BootEnd } from "../../host-sim/device.js";
import type { FlashEntry } from "../../host-sim/flash.js";
import { Station } from "../../host-sim/world/access-point.js";
import { answer, quietWorld, type Reply } from "../../host-sim/world/network.js";
import type { Accepted } from "../../host-sim/world/opener.js";
import type { Prng } from "../../host-sim/world/prng.js";
import { sealAlgorithms, stampAlgorithms } from "../../host-sim/world/seal-keys.js";
import { encodeDeviceRecord } from "../../lib/store/device-record.js";
import { flashEntries } from "../../lib/store/flash-entries.js";
import type { Profile } from "../../lib/store/profile.js";
import type { Board } from "./board.js";
import type { CampaignBroker } from "./broker.js";
import { Commander } from "./commander.js";
import { type Faults, Ledger } from "./ledger.js";
import {
  type Asleep,
  afterCutOf,
  asleepOf,
  type Boot,
  bootOf,
  controllers,
  device,
  disturbedBoots,
  isCommanded,
  isFactoryImage,
  type Odds,
  outageOf,
  quietBoot,
  type Step,
} from "./plan.js";
import { readRtcImage } from "./rtc-image.js";
import { type Spilled, spilledIn } from "./spilled.js";

export interface Lived {
  readonly faults: Faults;
  readonly complaints: readonly string[];
  readonly boots: number;
  /** Boots that ended for want of power. */
  readonly cuts: number;
}

const startMs = Date.UTC(2026, 10, 22);
const commandTopic = `sensors/${device}/command`;
const nameOfBroker = "broker.dormouse.test";
/** Words of a board that cannot read what it has kept. */
const unreadable = /"kind":"(unprovisioned|profile-invalid|commands-blocked|internal)"/;
const mostQuietBoots = 60;

export class CampaignLife {
  readonly #random: Prng;
  readonly #odds: Odds;
  readonly #board: Board;
  readonly #broker: CampaignBroker;
  readonly #profile: Profile;
  readonly #ledger: Ledger;
  readonly #image: readonly FlashEntry[];
  readonly #station = new Station();
  readonly #commander: Commander;
  #boot: Boot = quietBoot;
  #atMs = startMs;
  #cause: BootCause = "power-on";
  #effects = 300;
  #last: number | undefined;
  #boots = 0;
  #cuts = 0;

  constructor(random: Prng, odds: Odds, board: Board, broker: CampaignBroker, profile: Profile) {
    this.#random = random;
    this.#odds = odds;
    this.#board = board;
    this.#broker = broker;
    this.#profile = profile;
    const secret = random.bytes(32);
    const fromFactory = isFactoryImage(random, odds);
    const record = encodeDeviceRecord(secret, { epoch: 0, reservedEnd: 0, fromFactory });
    const commander = new Commander(random, commandTopic, profile.commands?.operator !== undefined);
    this.#commander = commander;
    const given = { device, accepts: acceptsOf(profile), secret, epoch: 0 };
    this.#ledger = new Ledger(given, (answer) => commander.heard(answer));
    const none = { brokerPassword: null, jwtKey: null, ca: null, crl: null, certificate: null, key: null };
    this.#image = flashEntries(profile, { record, wifiPassword: "", ...none, psk: null, signKey: null });
    this.#factory = fromFactory;
  }

  readonly #factory: boolean;

  get ledger(): Ledger {
    return this.#ledger;
  }

  async live(): Promise<Lived> {
    this.#board.events = {
      log: (line) => this.#log(line),
      ask: (kind, detail, atMs) => this.#ask(kind, detail, atMs),
    };
    this.#broker.forget();
    this.#board.writeFlash(this.#image);
    this.#board.writeRtc(new Uint8Array(this.#board.rtcBytes));
    const { steps } = this.#odds;
    if (steps) await this.#goThrough(steps);
    else await this.#disturbedTime();
    await this.#quietTime();
    const faults = this.#ledger.close();
    return { faults, complaints: this.#ledger.complaints, boots: this.#boots, cuts: this.#cuts };
  }

  async #disturbedTime(): Promise<void> {
    let outage = 0;
    for (let left = disturbedBoots(this.#random); left > 0; left--) {
      outage = Math.max(outage - 1, outageOf(this.#random, this.#odds));
      await this.#wake(bootOf(this.#random, this.#odds, this.#effects, outage > 0));
      this.#command();
      await this.#asleep(asleepOf(this.#random, this.#odds));
    }
  }

  async #goThrough(steps: readonly Step[]): Promise<void> {
    for (const { boot, asleep = "nothing" } of steps) {
      await this.#wake({ ...quietBoot, ...boot });
      await this.#asleep(asleep);
    }
  }

  /** Readings arrive in order, so when the last has come, all have that ever will. */
  async #quietTime(): Promise<void> {
    let arrived = 0;
    for (let wake = 0; wake < mostQuietBoots && arrived < 2; wake++) {
      await this.#wake(quietBoot);
      const { last } = this;
      if (last !== undefined && this.#ledger.has(last)) arrived++;
    }
  }

  get last(): number | undefined {
    return this.#last;
  }

  async #wake(boot: Boot): Promise<void> {
    this.#boot = boot;
    this.#boots++;
    const { device: power } = this.#board;
    power.fault(boot.memory);
    if (boot.power) power.failPower(boot.power);
    this.#broker.begin(boot.broker);
    const end = await this.#board.boot(this.#cause, this.#atMs);
    await this.#broker.settled();
    this.#ledger.inFlash(this.#spilled().ids);
    this.#ended(end);
    await this.#afterwards(end);
  }

  #ended({ reason, detail, effects, wakesAt, at }: BootEnd): void {
    if (reason === "abort" || reason === "exception" || reason === "deadlock")
      this.#ledger.unreadable(`a boot ended by ${reason}: ${detail}`);
    if (reason === "power-cut" || reason === "brown-out") this.#cuts++;
    if (reason === "sleep") this.#effects = effects;
    this.#atMs = Math.max(wakesAt, at) + 1000;
  }

  async #afterwards({ reason }: BootEnd): Promise<void> {
    this.#cause = reason === "sleep" ? "deep-sleep" : reason === "restart" ? "software" : "brown-out";
    if (reason !== "power-cut") return;
    switch (afterCutOf(this.#random, this.#odds)) {
      case "lost":
        return this.#loseRtc();
      case "torn":
        return this.#tearRtc();
      case "kept":
        // A write that was cut in the middle has torn it already.
        if (!readRtcImage(await this.#board.readRtc())) this.#rtcIsLost();
    }
  }

  #command(): void {
    const { present } = this.#ledger;
    if (!this.#profile.commands || !present || !isCommanded(this.#random)) return;
    const { message, next } = this.#commander.command(controllers[0]!, present, this.#atMs);
    if (next) this.#ledger.mayHave(next);
    this.#broker.send(commandTopic, message);
  }

  async #asleep(what: Asleep): Promise<void> {
    switch (what) {
      case "rtc-lost":
        return this.#loseRtc();
      case "rtc-torn":
        return this.#tearRtc();
      case "flashed-anew":
        // Of a secret that does not change, flashed twice, nobody could tell the counters apart.
        if (!this.#factory) return;
        this.#ledger.erased();
        this.#board.writeFlash(this.#image);
    }
  }

  #loseRtc(): void {
    this.#cause = "power-on";
    this.#rtcIsLost();
  }

  #spilled(): Spilled {
    try {
      return spilledIn(this.#board.readFlash());
    } catch (error) {
      this.#ledger.unreadable(`what flash has of readings: ${error}`);
      return { ids: [], dropped: 0, gap: 0 };
    }
  }

  #rtcIsLost(): void {
    this.#ledger.rtcLost(this.#spilled());
  }

  /** A few bits are other than they were: of an image, somewhere in it. */
  async #tearRtc(): Promise<void> {
    const rtc = await this.#board.readRtc();
    const image = readRtcImage(rtc);
    if (!image) return this.#rtcIsLost();
    const at = this.#random.whole(0, image.bytes - 1);
    rtc[at]! ^= this.#random.whole(1, 255);
    this.#board.writeRtc(rtc);
    if (!readRtcImage(rtc)) this.#rtcIsLost();
  }

  #log(line: string): void {
    const [word, id] = line.split(" ");
    if (word === "sensed") {
      this.#last = Number(id);
      this.#ledger.sensed(this.#last);
    } else if (unreadable.test(line)) this.#ledger.unreadable(line);
  }

  #ask(kind: string, detail: string, atMs: number): Promise<Reply> {
    const ssid = this.#profile.wifi.ssid!;
    const quiet = quietWorld({ ssid, password: "" }, { [nameOfBroker]: "127.0.0.1" });
    const { accessPoint, timeServer } = this.#boot;
    const world = { ...quiet, timeServers: timeServer, ...(!accessPoint && { accessPoints: [] }) };
    return answer(world, this.#random, kind, detail, atMs, this.#station);
  }
}

function acceptsOf({ topics: { up } }: Profile): (secret: Uint8Array) => Accepted {
  if (up.protection !== "stamp" && up.protection !== "seal")
    throw new RangeError("of other protections nothing is judged");
  const numbers = Object.entries({ ...stampAlgorithms, ...sealAlgorithms });
  const algorithm = Number(numbers.find(([, { name }]) => name === up.algorithm)![0]);
  return (secret) => ({ protection: up.protection, algorithm, secret }) as Accepted;
}
