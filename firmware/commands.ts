/**
 * What a wake does with messages on its command topic, one at a time: lib/commands says which is a command, flash
 * remembers it before the application acts on it, and the answer waits in the outbox like any message. Nothing of this
 * is there before the first message has come.
 */
import { type Admitted, judgeNovelty, type Outcome } from "dormouse/commands/admission";
import { type BuiltIn, isBuiltIn } from "dormouse/commands/built-in";
import {
  type Argument,
  challengeBytes,
  encodeResult,
  isResultValue,
  type ResultValue,
  type Scalar,
  type Status,
} from "dormouse/commands/command";
import { decodeWindowRecord, encodeWindowRecord } from "dormouse/commands/windows";
import { nativeCrypto } from "dormouse/crypto/native";
import { authenticatedBy, challengePublished, challengeRenewed } from "dormouse/cycle/authenticated-time";
import { type Failure, failure } from "dormouse/failure";
import type { ReceivedMessage } from "dormouse/mqtt/session-state";
import { coseSign1 } from "dormouse/sealed/header";
import type { CommandSettings } from "dormouse/store/protection";
import * as app from "./app.js";
import { isSmall } from "./board.js";
import { type Answer, type Bench, carryOut } from "./carry-out/built-in.js";
import { readWindow, timeIsAtLeast, writeWindow } from "./provisioned.js";
import { report } from "./report.js";
import { claimOf, outcomeOf, verifiedBy } from "./verifying.js";

/** Messages that a wake looks at, rubbish among them: the others stay at the broker until the next. */
const mostMessages = 32;
/**
 * Messages that wait for an answer to go out: more than a broker is told that it may send, because Mosquitto 2.0 sends two
 * for each that is acknowledged.
 */
function mostWaiting(): number {
  return isSmall() ? 3 : 16;
}

/** And so many bytes of them: one that is large is alone. */
const mostWaitingBytes = 8192;

/** What app.ts may have besides `sense`. */
interface Application {
  readonly onCommand?: (name: string, args: readonly Scalar[]) => ResultValue | undefined;
}

interface Begun {
  readonly controller: string;
  /** Of a message at QoS 1. */
  readonly packetId: number | undefined;
}

/** Authentic and new: flash is to remember it. */
interface Fresh extends Begun, Pick<Admitted, "held" | "window"> {
  /** Of the controller. */
  readonly index: number;
}

interface Remembered extends Begun, Pick<Admitted, "held" | "record"> {
  /** What flash says, which may be something else. */
  readonly kept: Uint8Array | undefined;
}

/** Something is to be done, by its name, or nothing but to answer. */
interface Judged extends Begun {
  readonly counter: number;
  readonly status: Status;
  readonly name?: string;
  readonly args?: readonly Argument[];
}

export class Commands {
  readonly #settings: CommandSettings;
  readonly #bench: Bench;
  readonly #waiting: ReceivedMessage[] = [];
  /** Packet ids of messages that are done with. */
  readonly #done: number[] = [];
  /** How far the message before those has come. */
  #step: Fresh | Remembered | Judged | undefined;
  #looked = 0;
  /** Messages that were nobody's, or not authentic. */
  #refused = 0;
  /** One was left to the broker, and PUBACK goes in the order of messages: so are all that come after it. */
  #full = false;
  #trouble: Failure | undefined;
  /** The challenge of this wake's beginning, once it has let a command pass. */
  #former: Uint8Array | undefined;
  #restarts = false;

  constructor(settings: CommandSettings, bench: Bench) {
    this.#settings = settings;
    this.#bench = bench;
  }

  /** Takes in a message. @returns false when it is to stay at the broker, as are all that come after it */
  take(message: ReceivedMessage): boolean {
    if (this.#looked + this.#waiting.length >= mostMessages || this.#waiting.length >= mostWaiting())
      this.#full = true;
    const bytes = this.#waiting.reduce((sum, { payload }) => sum + payload.length, message.payload.length);
    if (bytes > mostWaitingBytes) this.#full = true;
    if (!this.#full) this.#waiting.push(message);
    return !this.#full;
  }

  /** There is something that can be done now. */
  get ready(): boolean {
    return this.#step !== undefined || (this.#waiting.length > 0 && this.#bench.memory.hasRoomForResult);
  }

  /** There is a message that is not done with. */
  get busy(): boolean {
    return this.#step !== undefined || this.#waiting.length > 0;
  }

  /** No more is taken in this wake. */
  get full(): boolean {
    return this.#full;
  }

  /** The board is to be restarted when the answers are out. */
  get restarts(): boolean {
    return this.#restarts;
  }

  get trouble(): Failure | undefined {
    return this.#trouble;
  }

  /** What the report of the phase says. */
  get told(): string | undefined {
    return this.#refused > 0 ? `${this.#refused} not authentic` : undefined;
  }

  /**
   * Does one step: from a message to what flash remembers of it, from there to what is to be done, and from there to the
   * frozen answer. Apart, because what one takes must be gone before the next wants its own, and so must its stack.
   */
  handle(): void {
    const step = this.#step;
    this.#step = undefined;
    if (!step) this.begin();
    else if ("kept" in step) this.judge(step);
    else if ("window" in step) this.remember(step);
    else this.carryOut(step);
  }

  private done(packetId: number | undefined): void {
    if (packetId !== undefined) this.#done.push(packetId);
  }

  /**
   * The packet id of a message that the broker may now forget, in the order in which they came. It keeps them while no
   * further answer would find room, and so sends no more.
   */
  release(): number | undefined {
    return this.#bench.memory.hasRoomForResult ? this.#done.shift() : undefined;
  }

  private remember({ controller, packetId, index, held, window }: Fresh): void {
    const record = encodeWindowRecord({ id: controller, epoch: this.#bench.device.epoch }, window);
    this.#step = { controller, packetId, held, record, kept: writeWindow(index, record) };
  }

  /** The first message that waits, up to what flash is to say of it. */
  private begin(): void {
    this.#looked++;
    const message = this.#waiting.shift()!;
    const { packetId } = message;
    const claim = claimOf(this.#settings, this.#bench, message);
    const held = claim && verifiedBy(this.#settings, this.#bench, claim.sender, message);
    if (!held) {
      this.#refused++;
      this.count();
      return this.done(packetId);
    }
    const { sender, index } = claim;
    const controller = sender.id;
    const novelty = judgeNovelty(decodeWindowRecord(sender, readWindow(index)), held);
    if (novelty.verdict === "fresh") {
      this.#step = { controller, packetId, index, held, window: novelty.window };
      return;
    }
    // The broker sends again what it has not heard of: that is nobody's fault.
    if (novelty.verdict !== "duplicate") this.count();
    report("command", { status: novelty.verdict, controller });
    if (novelty.verdict === "blocked") {
      const detail = `what was taken of ${controller} cannot be read: provision the board`;
      this.#trouble ??= failure("commands-blocked", detail);
    }
    this.done(packetId);
  }

  /** One more that was not acted on, for the device's state. */
  private count(): void {
    const { memory } = this.#bench;
    memory.downlink = { ...memory.downlink, refused: memory.downlink.refused + 1 };
  }

  /** Few frames and locals: behind this there may be a signature to verify. */
  private judge(step: Remembered): void {
    let outcome = outcomeOf(this.#settings, this.#bench, step, this.#bench.memory.challenge);
    const present = outcome.kind === "run" && outcome.byChallenge;
    // Commands that were sent together have the same challenge.
    if (this.#former && outcome.kind === "answer" && outcome.status === "challenge")
      outcome = outcomeOf(this.#settings, this.#bench, step, this.#former);
    if (present && outcome.kind === "run")
      this.learnTime(outcome.command.issuedAt, step.held.contentType === coseSign1);
    this.conclude(step, outcome);
  }

  /**
   * A command that answers the present challenge may settle what time it is. Only the operator's raises the floor, which never
   * falls: a controller and a time server that lies could put it beyond every certificate.
   */
  private learnTime(issuedAt: number, byOperator: boolean): void {
    const { memory } = this.#bench;
    const known = memory.clock !== "unknown";
    const downlink = known ? authenticatedBy(memory.downlink, 1000 * issuedAt, Date.now()) : undefined;
    if (!downlink) return;
    memory.downlink = downlink;
    if (byOperator) timeIsAtLeast(issuedAt);
  }

  private conclude({ controller, packetId, held: { counter } }: Remembered, outcome: Outcome): void {
    if (outcome.kind === "not-kept") {
      this.#trouble ??= failure("storage-failed", "flash does not keep what was taken of a controller");
      // It stays at the broker, and what follows it too.
      return this.leaveTheRest();
    }
    if (outcome.kind === "answer") {
      if (outcome.status !== "challenge") this.count();
      this.#step = { controller, packetId, counter, status: outcome.status };
      return;
    }
    if (outcome.byChallenge) this.renewChallenge();
    const { name, args } = outcome.command;
    this.#step = { controller, packetId, counter, status: "done", name, args };
  }

  /** Before the act, so that the answer has the next. */
  private renewChallenge(): void {
    if (this.#former) return;
    const { memory } = this.#bench;
    this.#former = memory.challenge;
    memory.challenge = nativeCrypto.random(challengeBytes);
    memory.downlink = challengeRenewed(memory.downlink);
  }

  private carryOut({ controller, packetId, counter, status: judged, name, args = [] }: Judged): void {
    const [status, value] = name === undefined ? ([judged, null] as const) : this.act(name, args);
    const challenge = this.nextChallenge();
    report("command", { ...(name !== undefined && { name }), status, controller, counter });
    const result = encodeResult({ controller, counter, status, value, challenge });
    const frozen = this.#bench.memory.freezeResult(result);
    if ("kind" in frozen) this.#trouble ??= frozen;
    this.done(packetId);
  }

  private act(name: string, args: readonly Argument[]): Answer {
    if (!isBuiltIn(name)) {
      const answer = applied(name, args);
      if (answer[0] === "unknown") this.count();
      return answer;
    }
    const answer = carryOut(name, args, this.#bench);
    if (answer[0] !== "done") this.count();
    else this.consider(name);
    return answer;
  }

  /** What a command that was done means for the rest of the wake. */
  private consider(name: BuiltIn): void {
    const { mode } = this.#bench.profile.cycle;
    // What comes behind these is for the device as it will be: the broker keeps it.
    if (name === "keys" || name === "reboot") this.leaveTheRest();
    // Keys and settings are read at boot, which a board that stays awake must be sent to.
    const atBoot = name !== "pins" && name !== "crl";
    this.#restarts ||= name === "reboot" || (mode === "awake" && atBoot);
  }

  /** Nothing more is taken in this wake. */
  private leaveTheRest(): void {
    this.#full = true;
    this.#waiting.length = 0;
  }

  /** What the next command must carry; null while the time is known for sure. */
  private nextChallenge(): Uint8Array | null {
    const { memory } = this.#bench;
    if (memory.timeIsAuthenticated) return null;
    memory.challenge ??= nativeCrypto.random(challengeBytes);
    memory.downlink = challengePublished(memory.downlink, Date.now());
    return memory.challenge;
  }
}

function applied(name: string, args: readonly Argument[]): Answer {
  try {
    // Only `crl` has bytes among its arguments.
    const value = (app as Application).onCommand?.(name, args as readonly Scalar[]);
    if (value === undefined) return ["unknown", null];
    return isResultValue(value) ? ["done", value] : ["failed", null];
  } catch {
    return ["failed", null];
  }
}
