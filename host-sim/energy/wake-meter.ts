/**
 * Follows one device through its wakes and has what it does estimated: each of its log's events closes a stretch of
 * time, which belongs to the phase that the event names. It owns where the last stretch ended.
 */
import type { Profile } from "../../lib/store/profile.js";
import type { BoardName } from "../board.js";
import {
  EnergyEstimate,
  handshakeUses,
  messageMultiplications,
  noP256,
  type P256Uses,
  type Spent,
  usesRadio,
} from "./estimate.js";
import { boardTable, sensorTable } from "./figures.js";

/** What a wake would take on a board: an estimate. */
export interface WakeEstimate {
  /** From the end of deep sleep, with the start before the firmware's first line. */
  readonly awakeMs: number;
  /** While awake, the start included. */
  readonly microcoulombs: number;
  /** In the sleep after it. */
  readonly sleepMicrocoulombs: number;
  /** While awake, by phase; `start` before the first, `rest` after the last. */
  readonly phases: ReadonlyMap<string, number>;
  /** What came after the last phase that ended: of a wake that broke off, what it was doing. */
  readonly rest: Spent;
  /** Of a device that stays awake: between its rounds. */
  readonly idle: Spent;
}

/** What closes a stretch, of an event of the device's log. */
export interface Closing {
  /** Absent: the stretch is the phase's that comes next. */
  readonly phase?: string | undefined;
  /** What the device says the phase took; what was before it in the stretch, a device that does not sleep was idle. */
  readonly ms?: number | undefined;
  /** Of a TLS handshake that stands. */
  readonly detail?: string | undefined;
  readonly resumed?: boolean | undefined;
}

const nothing: Spent = { ms: 0, microcoulombs: 0 };

export class WakeMeter {
  readonly #estimate: EnergyEstimate;
  readonly #tls: Profile["broker"]["tls"];
  readonly #connectMultiplications: number;
  readonly #messageMultiplications: number;
  readonly #idles: boolean;
  #atMs = 0;
  #bytecodes = 0;
  #sent = 0;
  #radio = false;
  #phases = new Map<string, number>();
  #awakeMs = 0;
  #idling: Spent = nothing;

  constructor(board: BoardName, { broker, cycle, sensor, topics }: Profile) {
    this.#estimate = new EnergyEstimate(boardTable(board), sensorTable(sensor.kind).figures);
    this.#tls = broker.tls;
    this.#connectMultiplications = broker.jwt?.algorithm === "ES256" ? 1 : 0;
    this.#messageMultiplications = messageMultiplications(topics.up);
    this.#idles = cycle.mode === "awake";
  }

  /** A boot begins. */
  begin(atMs: number): void {
    this.#atMs = atMs;
    this.#bytecodes = 0;
    this.#sent = 0;
    this.#radio = false;
    this.#phases = new Map();
    this.#awakeMs = 0;
    this.#idling = nothing;
    this.#add("start", this.#estimate.boot());
  }

  /** A message was handed to the connection. */
  sent(): void {
    this.#sent++;
  }

  /**
   * A stretch ends.
   * @param bytecodes executed since the boot began
   * @returns what it took, and the bytecodes executed in it
   */
  close(closing: Closing, atMs: number, bytecodes: number): { spent: Spent; bytecodes: number } | undefined {
    const { phase, ms } = closing;
    if (phase === undefined) return undefined;
    if (this.#idles && ms !== undefined) this.#idle(atMs - ms);
    const run = {
      name: phase,
      ms: Math.max(0, atMs - this.#atMs),
      bytecodes: bytecodes - this.#bytecodes,
      p256: this.#uses(closing),
    };
    const spent = this.#estimate.phase(run);
    this.#add(phase, spent);
    this.#atMs = atMs;
    this.#bytecodes = bytecodes;
    this.#sent = 0;
    // After the last phase the radio is off.
    this.#radio = usesRadio(phase) || (this.#radio && phase !== "persist");
    return { spent, bytecodes: run.bytecodes };
  }

  /** A round of a device that stays awake is over; the idling before it was its own. */
  round(atMs: number, bytecodes: number): WakeEstimate {
    const estimate = this.end(atMs, bytecodes, 0);
    this.#atMs = atMs;
    this.#bytecodes = bytecodes;
    this.#phases = new Map();
    this.#awakeMs = 0;
    this.#idling = nothing;
    return estimate;
  }

  /** The boot is over, whatever ended it. */
  end(atMs: number, bytecodes: number, sleepMs: number): WakeEstimate {
    const ms = Math.max(0, atMs - this.#atMs);
    const rest = this.#estimate.rest(ms, bytecodes - this.#bytecodes, this.#radio);
    this.#add("rest", rest);
    const phases = this.#phases;
    let microcoulombs = 0;
    for (const some of phases.values()) microcoulombs += some;
    const sleepMicrocoulombs = this.#estimate.sleep(sleepMs);
    return { awakeMs: this.#awakeMs, microcoulombs, sleepMicrocoulombs, phases, rest, idle: this.#idling };
  }

  #idle(untilMs: number): void {
    const ms = untilMs - this.#atMs;
    if (ms <= 0) return;
    const spent = this.#estimate.phase({ name: "idle", ms, bytecodes: 0, p256: noP256 });
    this.#add("idle", spent);
    this.#idling = {
      ms: this.#idling.ms + spent.ms,
      microcoulombs: this.#idling.microcoulombs + spent.microcoulombs,
    };
    this.#atMs = untilMs;
  }

  #uses({ phase, detail, resumed }: Closing): P256Uses {
    const messages = this.#sent * this.#messageMultiplications;
    if (phase === "session") return { ...noP256, multiplications: messages + this.#connectMultiplications };
    if (phase !== "secure" || detail === undefined || !this.#tls)
      return { ...noP256, multiplications: messages };
    const uses = handshakeUses(detail, resumed ?? false, this.#tls);
    return { ...uses, multiplications: uses.multiplications + messages };
  }

  #add(phase: string, { ms, microcoulombs }: Spent): void {
    this.#awakeMs += ms;
    this.#phases.set(phase, (this.#phases.get(phase) ?? 0) + microcoulombs);
  }
}
