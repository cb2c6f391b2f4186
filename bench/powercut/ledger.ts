/**
 * The campaign's judge. It writes down what the board measured, what the wire saw, what lay in flash, and when RTC memory
 * was lost; in the end each reading must have arrived, or be counted by the board itself. It opens messages with the
 * simulator's own receiver and reads flash with its own eyes: it shares no code with what it judges.
 */
import { hkdfSync } from "node:crypto";
import { decode } from "cborg";
import { type Accepted, open, type Sender } from "../../host-sim/world/opener.js";
import { encodeDeterministic } from "../../host-sim/world/strict-cbor.js";
import type { Published } from "./broker.js";
import type { Keys } from "./commander.js";
import { readingsIn } from "./readings.js";

export interface Faults {
  /** Two byte strings under one key and counter. */
  nonceReuse: number;
  /** Readings that neither arrived nor are counted as dropped or as a gap; and those that a receiver takes for another. */
  unaccounted: number;
  /** Readings that had been written to flash, and neither arrived nor are counted as dropped. */
  spilledLost: number;
  /** Readings that came twice under different sequence numbers. */
  unrecognisedDuplicates: number;
  /** Boots that could not read what the board had kept. */
  unreadableState: number;
}

export const noFaults = (): Faults => ({
  nonceReuse: 0,
  unaccounted: 0,
  spilledLost: 0,
  unrecognisedDuplicates: 0,
  unreadableState: 0,
});

/** What a device's messages are protected by, and the secret of its factory image or its own. */
export interface Protected {
  readonly device: string;
  readonly accepts: (secret: Uint8Array) => Accepted;
  readonly secret: Uint8Array;
  readonly epoch: number;
}

/** Under one kid and counter. */
interface Seen {
  readonly topic: string;
  bytes: Buffer;
  whole: boolean;
}

/** What happened to a reading. */
interface Reading {
  delivered: boolean;
  /** It has been in flash. */
  spilled: boolean;
  /** Somebody erased what there was of it. */
  erased: boolean;
}

/** Readings that the board says nobody will get. */
export interface Losses {
  readonly dropped: number;
  readonly gap: number;
}

const none: Losses = { dropped: 0, gap: 0 };

/** With what was counted from `from` up to `to`. */
function plus(sum: Losses, to: Losses, from: Losses): Losses {
  return { dropped: sum.dropped + to.dropped - from.dropped, gap: sum.gap + to.gap - from.gap };
}

export class Ledger {
  readonly faults = noFaults();
  /** What went wrong, for people. */
  readonly complaints: string[] = [];
  readonly #sent = new Map<string, Seen>();
  readonly #readings = new Map<number, Reading>();
  /** Of delivered readings, by epoch and sequence number: which one it is; and the other way round. */
  readonly #bySequence = new Map<string, number>();
  readonly #sequenceOf = new Map<number, string>();
  readonly #protected: Protected;
  /** What the board has told since RTC memory was last lost, and what it had counted until then. */
  #told: Losses = none;
  #before: Losses = none;
  /** Of all that came before: what of it was told, or stood in flash for it to be told. */
  #earlier: Losses = none;
  /** Of secrets that the board may have been given since, by epoch. */
  readonly #secrets = new Map<number, Uint8Array>();
  /** What the last message that was opened was protected by. */
  present: Keys | undefined;
  readonly #onAnswer: (payload: Uint8Array) => void;

  constructor(given: Protected, onAnswer: (payload: Uint8Array) => void = () => {}) {
    this.#protected = given;
    this.#onAnswer = onAnswer;
    this.#secrets.set(given.epoch, given.secret);
  }

  /** The board may have these keys from now on. */
  mayHave({ secret, epoch }: Keys): void {
    this.#secrets.set(epoch, secret);
  }

  /**
   * RTC memory has nothing any more of what it had. The board counts on from what flash says.
   * @param flash the counts that are there
   */
  rtcLost(flash: Losses): void {
    const { dropped, gap } = this.#told;
    const known = { dropped: Math.max(dropped, flash.dropped), gap: Math.max(gap, flash.gap) };
    this.#earlier = plus(this.#earlier, known, this.#before);
    this.#before = { dropped: flash.dropped, gap: flash.gap };
    this.#told = none;
  }

  /** All that the board had is gone, by somebody's will: what it had is no loss, what it has counted nothing. */
  erased(): void {
    for (const reading of this.#readings.values()) if (!reading.delivered) reading.erased = true;
    this.#earlier = none;
    this.#before = none;
    this.#told = none;
  }

  sensed(id: number): void {
    this.#readings.set(id, { delivered: false, spilled: false, erased: false });
  }

  /** What flash holds after a boot: the numbers of readings. */
  inFlash(ids: Iterable<number>): void {
    for (const id of ids) {
      const reading = this.#readings.get(id);
      if (reading) reading.spilled = true;
      else this.#complain("unreadableState", `a reading in flash that nobody has taken: ${id}`);
    }
  }

  unreadable(what: string): void {
    this.#complain("unreadableState", what);
  }

  /** A message of the board on its way, or what came of it. */
  published(message: Published): void {
    try {
      this.#judge(message);
    } catch (error) {
      this.#complain("unaccounted", `a message that cannot be read on ${message.topic}: ${error}`);
    }
  }

  #judge({ topic, payload, whole, will }: Published): void {
    const label = labelOf(payload);
    if (label) this.#compare(label.kid, label.counter, topic, payload, whole, will);
    else if (whole) this.#complain("unaccounted", `a message that is none on ${topic}`);
    if (whole && !will) this.#open(topic, payload);
  }

  #compare(
    kid: Buffer,
    counter: number,
    topic: string,
    payload: Buffer,
    whole: boolean,
    will: boolean,
  ): void {
    const place = `${kid.toString("hex")} ${will ? "will" : ""} ${counter}`;
    const seen = this.#sent.get(place);
    if (!seen) {
      this.#sent.set(place, { topic, bytes: Buffer.from(payload), whole });
      return;
    }
    const common = Math.min(seen.bytes.length, payload.length);
    const same =
      seen.topic === topic &&
      seen.bytes.subarray(0, common).equals(payload.subarray(0, common)) &&
      (!whole || payload.length >= seen.bytes.length) &&
      (!seen.whole || seen.bytes.length >= payload.length);
    if (!same) this.#complain("nonceReuse", `counter ${counter} of ${kid.toString("hex")} for two messages`);
    if (payload.length > seen.bytes.length) seen.bytes = Buffer.from(payload);
    seen.whole ||= whole;
  }

  #open(topic: string, payload: Buffer): void {
    const found = this.#senderOf(payload);
    const opened = found && open(payload, topic, [found.sender]);
    if (!opened || "refused" in opened)
      return this.#complain("unaccounted", `a message that cannot be opened on ${topic}: ${opened?.refused}`);
    const { sender } = found;
    this.present = found.keys;
    if (opened.contentType !== null) return this.#onAnswer(opened.payload);
    const { readings, dropped, gap } = readingsIn(opened.payload);
    const message = `${sender.epoch} ${opened.counter}`;
    this.#told = {
      dropped: Math.max(this.#told.dropped, dropped ?? 0),
      gap: Math.max(this.#told.gap, gap ?? 0),
    };
    for (const { id, sequence } of readings)
      if (sequence === undefined) this.#complain("unaccounted", `reading ${id} has no sequence number`);
      else this.#arrived(id, `${sender.epoch} ${sequence}`, message);
  }

  #arrived(id: number, place: string, message: string): void {
    const reading = this.#readings.get(id);
    if (!reading) return this.#complain("unaccounted", `a reading arrived that nobody has taken: ${id}`);
    reading.delivered = true;
    const other = this.#bySequence.get(place);
    if (other !== undefined && other !== id)
      this.#complain("unaccounted", `${place} is the place of two readings: ${other} and ${id}`);
    this.#bySequence.set(place, id);
    const before = this.#sequenceOf.get(id);
    if (before !== undefined && before !== place)
      this.#complain(
        "unrecognisedDuplicates",
        `reading ${id} came as ${before} and as ${place} in ${message}`,
      );
    this.#sequenceOf.set(id, place);
  }

  /** The board's secret is what the kid says: its factory image's next one, or that of its epoch. */
  #senderOf(payload: Buffer): { readonly sender: Sender; readonly keys: Keys } | undefined {
    const { device, accepts } = this.#protected;
    const kid = labelOf(payload)?.kid;
    if (!kid) return undefined;
    const [, epoch, salt] = decode(kid) as [Uint8Array, number, Uint8Array?];
    const secret = salt ? this.#own(salt, epoch) : this.#secrets.get(epoch);
    if (!secret) return undefined;
    return { sender: { id: device, epoch, kid, accepts: accepts(secret) }, keys: { secret, epoch } };
  }

  #own(salt: Uint8Array, epoch: number): Uint8Array {
    const info = encodeDeterministic(["dormouse1", "next-secret", epoch]);
    return new Uint8Array(hkdfSync("sha256", this.#protected.secret, salt, info, 32));
  }

  /** Whether this reading has come. */
  has(id: number): boolean {
    return this.#readings.get(id)?.delivered ?? false;
  }

  /** At the end, when all that was to come has come. */
  close(): Faults {
    const lost = [...this.#readings.values()].filter(({ delivered, erased }) => !delivered && !erased);
    const { dropped, gap } = plus(this.#earlier, this.#told, this.#before);
    const excess = lost.length - dropped - gap;
    if (excess > 0) {
      this.faults.unaccounted += excess;
      this.complaints.push(`${lost.length} readings are lost, ${dropped} told as dropped, ${gap} as a gap`);
    }
    const spilled = lost.filter((reading) => reading.spilled).length - dropped;
    if (spilled > 0) {
      this.faults.spilledLost += spilled;
      this.complaints.push(`${spilled} readings that were in flash are lost, and not told as dropped`);
    }
    return this.faults;
  }

  #complain(fault: keyof Faults, what: string): void {
    this.faults[fault]++;
    this.complaints.push(`${fault}: ${what}`);
  }
}

/** Kid and counter of a COSE message, as far as what came of it says them. */
function labelOf(payload: Buffer): { readonly kid: Buffer; readonly counter: number } | undefined {
  // A tag below 24, an array of three or four, a byte string of 24 to 255 bytes or fewer than 24.
  const long = payload[2] === 0x58;
  const from = long ? 4 : 3;
  const length = long ? payload[3] : (payload[2] ?? 0) & 31;
  if (length === undefined || payload.length < from + length || length === 0) return undefined;
  const header = decode(payload.subarray(from, from + length), { useMaps: true }) as Map<number, Uint8Array>;
  const [kid, counter] = [header.get(4), header.get(6)];
  if (!kid || !counter) return undefined;
  return { kid: Buffer.from(kid), counter: counter.reduce((sum, byte) => sum * 256 + byte, 0) };
}
