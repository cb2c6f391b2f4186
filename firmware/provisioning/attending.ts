/**
 * When a board attends to its serial port and its button: after power-on for ten seconds, beside the wake and after it;
 * without an identity until it has one, or nobody comes. Then it sleeps as it would have.
 */
import { nativeCrypto } from "dormouse/crypto/native";
import { deepSleep, restart, type WakePin, writeRtc } from "dormouse/native/power";
import { eraseAll } from "dormouse/provisioning/erase";
import { attendsUntilMs, type Heard, servesUntilMs, windowMs } from "dormouse/provisioning/window";
import Time from "time";
import Timer from "timer";
import { buttonPin, serialPort } from "../board.js";
import { report } from "../report.js";
import { Button } from "./button.js";
import { flashStore } from "./flash-store.js";
import { Serving } from "./serving.js";

/** The shortest sleep after the window. */
const minSleepMs = 1000;
/** How often what a host has said is looked at. */
const lookMs = 30_000;

/** How a board sleeps when it has attended. */
export interface Rest {
  /** From now to the next wake. */
  readonly ms: number;
  /** The same by the board's own clock. */
  readonly boardMs: number;
  readonly wakeOn: WakePin | undefined;
}

const nobody: Heard = Object.freeze({ heardAtMs: undefined, helloAtMs: undefined });

/** Of a provisioned board, after power-on. */
export class Window {
  private readonly button: Button | undefined;
  private served = false;

  constructor() {
    const pin = buttonPin();
    this.button = pin === undefined ? undefined : new Button(pin, unlock);
  }

  /** The shortest time from now to the next wake of a board that attends before it sleeps. */
  get leastMs(): number {
    return windowMs + minSleepMs - Time.ticks;
  }

  /** The wake is over and the radio off: attends while the window is open, and sleeps. */
  attend({ ms, boardMs, wakeOn }: Rest): void {
    const startedAt = Time.ticks;
    const sleep = (): never => {
      this.button?.close();
      const attendedMs = Time.ticks - startedAt;
      return deepSleep(Math.max(0, boardMs * (1 - attendedMs / ms)), wakeOn);
    };
    if (startedAt >= windowMs || (!this.button && !serialPort())) sleep();
    const dueAt = startedAt + ms - minSleepMs;
    serve(
      open("read-only"),
      (heard) => attendsUntilMs(heard, dueAt),
      () => {
        report("phase", { name: "attend", ms: Time.ticks - startedAt });
        sleep();
      },
    );
  }

  /** On a board that stays awake, when its first round is over: attends beside what it does. */
  attendBeside(): void {
    if (this.served) return;
    this.served = true;
    if (Time.ticks >= windowMs) return this.button?.close();
    serve(
      open("read-only"),
      (heard) => attendsUntilMs(heard, Number.POSITIVE_INFINITY),
      () => this.button?.close(),
    );
  }
}

/**
 * Without an identity: serves until there is one and the host has gone, then boots with it; or until nobody has come for
 * long.
 * @param sleepMs how long it sleeps then
 */
export function awaitIdentity(sleepMs: number): void {
  const serving = open("open");
  if (!serving) deepSleep(sleepMs);
  let lockedAtMs: number | undefined;
  serve(
    serving,
    (heard) => {
      if (serving.locked) lockedAtMs ??= Time.ticks;
      return servesUntilMs(heard, lockedAtMs);
    },
    () => {
      if (serving.locked) restart();
      deepSleep(sleepMs);
    },
  );
}

function open(mode: "open" | "read-only"): Serving | undefined {
  const port = serialPort();
  if (!port) return undefined;
  try {
    return new Serving(port, mode);
  } catch (error) {
    // In a debug build it is xsbug's.
    trace(`no serial port: ${error}\n`);
    return undefined;
  }
}

/** @param done called when `untilMs` has come, which changes with what the host says */
function serve(serving: Serving | undefined, untilMs: (heard: Heard) => number, done: () => void): void {
  const leftMs = untilMs(serving ?? nobody) - Time.ticks;
  if (leftMs > 0) {
    Timer.set(() => serve(serving, untilMs, done), Math.min(leftMs, lookMs));
    return;
  }
  serving?.close();
  done();
}

/** Whoever is there may give the board away, or into other hands: nothing that it was provisioned with stays. */
function unlock(): never {
  eraseAll(nativeCrypto, flashStore, false);
  writeRtc(new Uint8Array(0));
  restart();
}
