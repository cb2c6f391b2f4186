/**
 * From faults to what a run does to one device: before each boot it is settled which of them hold in it, and what they
 * come to. One call makes one device's: it keeps what holds now.
 */
import type { Profile } from "../../lib/store/profile.js";
import type { BootCause, BootEnd, Device, LinkFault, MemoryFault, PowerFault } from "../device.js";
import type { Disturbance, Done } from "../disturbance.js";
import type { AccessPoint } from "../world/access-point.js";
import type { Broker } from "../world/broker.js";
import type { World } from "../world/network.js";
import { badCertificate } from "./bad-certificate.js";
import { type FaultForm, type FaultName, type FaultPhase, faultForms } from "./catalogue.js";
import type { Fault } from "./fault.js";
import { type Moment, Schedule, type Strike } from "./schedule.js";

/** What a run's options have of it. */
export interface FaultOptions {
  /** Of the run. */
  readonly seed: number;
  /** As the device has it. */
  readonly profile: Profile;
}

/** Nobody has this address (RFC 5737); the engine's link knows that. */
const nobodysAddress = "192.0.2.1";

/** Which of the board's questions a phase asks. */
const questions: Partial<Record<FaultPhase, readonly string[]>> = {
  join: ["wifi", "dhcp"],
  clock: ["sntp"],
  resolve: ["dns"],
};

/** What holds in one wake. */
interface Hold {
  cause?: BootCause;
  power?: PowerFault;
  readonly link: LinkFault[];
  readonly memory: MemoryFault[];
  readonly silent: Set<string>;
  readonly network: ((world: World) => World)[];
}

export function faultDisturbance(faults: readonly Fault[], options: FaultOptions): Disturbance {
  const disturber = new Disturber(faults, options);
  return {
    before: (moment, device, broker) => disturber.before(moment, device, broker),
    after: (end) => disturber.after(end),
    pin: (wake, sleep) => disturber.pin(wake, sleep),
    cause: (_, usual) => disturber.hold.cause ?? usual,
    network: (quiet) => disturber.hold.network.reduce((world, change) => change(world), quiet),
    unanswered: (question) => disturber.hold.silent.has(question),
    link: () => disturber.hold.link,
    memory: () => disturber.hold.memory,
    power: () => disturber.hold.power,
  };
}

class Disturber {
  hold: Hold = quiet();
  readonly #faults: readonly Fault[];
  readonly #profile: Profile;
  readonly #schedule: Schedule;
  /** The wake that somebody at the pin has begun. */
  #touched = 0;
  #lossy = "";
  /** What held in the last wake already, and is said once. */
  #lasting = new Set<Fault>();
  /** Somebody else answers for the broker. */
  #usurped = false;

  constructor(faults: readonly Fault[], { seed, profile }: FaultOptions) {
    this.#faults = faults;
    this.#profile = profile;
    this.#schedule = new Schedule(faults, seed, profile.device.id);
  }

  async before(moment: Moment, device: Device, broker: Broker | undefined): Promise<Done[]> {
    const done: Done[] = [];
    const holding = new Set<Fault>();
    this.hold = quiet();
    this.#lossy = "";
    let wrong: Fault | undefined;
    for (const strike of this.#schedule.at(moment)) {
      const { fault } = strike;
      if (fault.name === "gpio" && this.#touched !== moment.wake) continue;
      if (fault.name === "bad-certificate") wrong = fault;
      const detail = await this.#strike(strike, device, broker);
      const { does, lasting }: FaultForm = faultForms[fault.name];
      const isNews = !this.#lasting.has(fault);
      if (lasting) holding.add(fault);
      if (lasting && !isNews) continue;
      done.push({ name: fault.text, detail: detail ? `${does}: ${detail}` : does });
    }
    if (broker && this.#usurped !== (wrong !== undefined))
      broker.present(wrong ? await badCertificate(wrong.certificate ?? "issuer") : undefined);
    this.#usurped = wrong !== undefined;
    this.#lasting = holding;
    return done;
  }

  after({ segmentsLost }: BootEnd): Done[] {
    if (!this.#lossy || segmentsLost === 0) return [];
    return [{ name: this.#lossy, detail: `${segmentsLost} lost, and sent again` }];
  }

  /** After how many milliseconds of the sleep after a wake somebody touches the pin. */
  pin(
    after: number,
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  ): number | undefined {
    const wake = after + 1;
    const touches = this.#faults.flatMap((fault) => {
      if (fault.name !== "gpio") return [];
      if ("atMs" in fault.when) return [fault.when.atMs - fromMs];
      const isDue = this.#schedule.holds(fault, { wake, ms: fromMs });
      return isDue ? [fault.amount ?? (toMs - fromMs) / 2] : [];
    });
    const first = Math.min(...touches.filter((ms) => ms >= 0 && ms < toMs - fromMs));
    if (!Number.isFinite(first)) return undefined;
    this.#touched = wake;
    return first;
  }

  /** Does it, or has it done during the wake. @returns what more there is to say of it */
  async #strike({ fault, random }: Strike, device: Device, broker: Broker | undefined): Promise<string> {
    const { hold } = this;
    const { name, amount = 0, where } = fault;
    const change = (what: (world: World) => World) => {
      hold.network.push(what);
      return "";
    };
    switch (name) {
      case "no-ap":
        return change((world) => ({ ...world, accessPoints: [] }));
      case "wrong-password":
        return change(everyPoint(({ password }) => ({ password: `${password}, but new` })));
      case "ap-moved":
        return change(everyPoint(() => ({ bssid: "02:00:5e:00:53:02", channel: 11 })));
      case "lease-expired":
        return change(everyPoint(() => ({ address: "192.168.4.99" })));
      case "dns-fail":
        return change((world) => this.#named(world, ""));
      case "dns-wrong":
        return change((world) => this.#named(world, nobodysAddress));
      case "sntp-fail":
        return change((world) => ({ ...world, timeServers: false }));
      case "sntp-wrong":
        return change((world) => ({ ...world, timeErrorMs: 1000 * amount }));
      case "clock-lost":
        device.clock("lost");
        return "";
      case "clock-wrong":
        device.clock(1000 * amount);
        return "";
      case "refuse":
        hold.link.push("refuse");
        return "";
      case "reset":
      case "stall":
        return this.#silence(name, (where as { phase: FaultPhase }).phase);
      case "loss":
        hold.link.push({ loss: amount, seed: random.next() });
        this.#lossy = fault.text;
        return change((world) => ({ ...world, loss: amount }));
      case "delay":
        hold.link.push({ delayMs: amount });
        return change((world) => ({ ...world, delayMs: amount }));
      case "broker-restart":
        await broker?.restart();
        return "";
      case "bad-certificate":
        return fault.certificate === "expired"
          ? "it has expired"
          : `of another ${fault.certificate === "name" ? "name" : "CA"}`;
      case "flash-full":
      case "flash-lost":
        hold.memory.push(name);
        return "";
      case "rtc-stuck":
        hold.memory.push("rtc-lost");
        return "";
      case "rtc-lost":
      case "rtc-torn": {
        const bytes = await device.readRtc();
        const from = name === "rtc-lost" ? 0 : random.whole(0, Math.min(bytes.length, 255));
        bytes.set(
          name === "rtc-lost" ? new Uint8Array(bytes.length) : random.bytes(bytes.length - from),
          from,
        );
        device.writeRtc(bytes);
        return from ? `from byte ${from}` : "";
      }
      case "tls-memory":
        hold.memory.push(`tls-heap ${amount}`);
        return `${amount} bytes`;
      case "power-cut":
      case "brownout":
        return this.#failPower(name, where, random);
      case "gpio":
        return "";
    }
  }

  #silence(name: "reset" | "stall", phase: FaultPhase): string {
    const { link, silent } = this.hold;
    for (const question of questions[phase] ?? []) silent.add(question);
    if (phase === "connect") link.push(name === "reset" ? "refuse" : "stall");
    else if (!questions[phase]) {
      const text = endOf(before(phase, this.#profile));
      link.push(name === "reset" ? { resetOn: text } : { stallOn: text });
    }
    return `in ${phase}`;
  }

  #failPower(name: FaultName, where: Fault["where"], random: Strike["random"]): string {
    const { hold } = this;
    const isCut = name === "power-cut";
    if (!where) {
      hold.cause = isCut ? "power-on" : "brown-out";
      return "while the board sleeps";
    }
    if ("phase" in where) {
      const text = endOf(where.phase);
      hold.power = isCut ? { cutOn: text } : { brownOutOn: text };
      return `at the end of ${where.phase}`;
    }
    const at = random.whole(where.from, where.to);
    hold.power = isCut ? { cutAtEffect: at } : { brownOutAfterBytecodes: at };
    return isCut ? `before effect ${at}` : `after ${at} bytecodes`;
  }

  #named(world: World, address: string): World {
    const name = this.#profile.broker.host.toLowerCase();
    return { ...world, names: new Map([...world.names, [name, address]]) };
  }
}

function quiet(): Hold {
  return { link: [], memory: [], silent: new Set(), network: [] };
}

function everyPoint(change: (point: AccessPoint) => Partial<AccessPoint>) {
  return (world: World): World => ({
    ...world,
    accessPoints: world.accessPoints.map((point) => ({ ...point, ...change(point) })),
  });
}

/** How the device's log tells the end of a phase. */
function endOf(phase: FaultPhase): string {
  return `"event":"phase","name":"${phase}"`;
}

/** The phase whose end is another's beginning, for a device with this profile. */
function before(phase: FaultPhase, { broker, commands }: Profile): FaultPhase {
  switch (phase) {
    case "session":
      return broker.tls ? "secure" : "connect";
    case "drain":
      return "session";
    case "commands":
      return "drain";
    case "close":
      return commands ? "commands" : "drain";
    default:
      return "connect";
  }
}
