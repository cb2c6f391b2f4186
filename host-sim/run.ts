/** One simulation run: a world, and one device's life in it or those of a fleet. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { boardManifest } from "./board.js";
import { controlWords, readControls } from "./controls.js";
import type { Disturbance } from "./disturbance.js";
import { faultDisturbance } from "./faults/disturb.js";
import { memberProfile } from "./fleet-profile.js";
import { Hands } from "./hands.js";
import { Life } from "./life.js";
import { takePort } from "./ports.js";
import type { Reporter } from "./report/events.js";
import { Tally } from "./report/summary.js";
import type { SimOptions } from "./sim-options.js";
import { openScene, type Scene } from "./world/scene.js";

export interface RunOptions extends SimOptions {
  readonly engine: string;
  /** See DeviceOptions. */
  readonly measure?: boolean;
  readonly disturbance?: Disturbance;
  /** Of each device by its id, in the place of `disturbance`: what is random is not the same for all. */
  readonly disturbanceOf?: (deviceId: string) => Disturbance;
  /** Ends the run early, at the end of the wake. */
  readonly signal?: AbortSignal;
}

/** What a machine runs at a time. Who waits for a broker outside, for its delays and not for its work, is in nobody's way. */
const atOnce = availableParallelism();
const waitingAtOnce = 4 * atOnce;

/** @param reporter hears of everything, in the order in which it happens; of a fleet, whatever the clocks of its devices */
export async function simulate(options: RunOptions, reporter: Reporter): Promise<Tally> {
  const { board, profile, battery } = options;
  const tally = new Tally((account) => account.summary({ board, profile, battery }));
  const folder = mkdtempSync(join(tmpdir(), "dormouse-sim-"));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  // Also when a reader closes the pipe: the devices' secrets are there.
  process.once("exit", removeFolder);
  const lives: Life[] = [];
  const desk = options.serial ? openDesk(options, options.serial.name, reporter) : undefined;
  let scene: Scene | undefined;
  try {
    for (const birth of births(options, folder))
      lives.push(new Life(birth.options, { ...birth, reporter, tally, desk }));
    const residents = lives.map(({ resident }) => resident);
    scene = await openScene(residents, onceEach(reporter));
    const { devices, seed } = options;
    reporter.note(`${devices > 1 ? `${devices} times ` : ""}${board}, ${scene.title}`);
    reporter.note(`seed ${seed}`);
    await start(lives, scene);
    await live(lives, { ...options, ...(desk && { signal: desk.signal }) });
    reporter.report({ ...end(lives), event: "summary", ...tally.summary });
    return tally;
  } finally {
    // The listener's last messages are opened with the devices' secrets, which go with their lives.
    await scene?.close();
    await Promise.all(lives.map((life) => life.close()));
    desk?.close();
    process.removeListener("exit", removeFolder);
    removeFolder();
  }
}

interface Desk {
  readonly link: string;
  readonly hands: Hands;
  /** Ends the run, as the operator or the terminal says. */
  readonly signal: AbortSignal;
  close(): void;
}

/** Where the one board of the run lies: its port has a name, and its operator types what is done to it. */
function openDesk({ board, signal }: RunOptions, name: string, reporter: Reporter): Desk {
  const note = (text: string) => reporter.note(text);
  const hands = new Hands(boardManifest(board));
  const quit = new AbortController();
  const port = takePort(name);
  note(`its port is sim:${name} (${port.path}); type ${controlWords}`);
  const controls = readControls(process.stdin, hands, {
    quit: () => {
      quit.abort();
      hands.reset();
    },
    note,
  });
  return {
    link: port.path,
    hands,
    signal: signal ? AbortSignal.any([signal, quit.signal]) : quit.signal,
    close: () => {
      controls.close();
      port.release();
    },
  };
}

/** A fleet's boards get their power one after the other, so that their wakes are spread over the interval. */
function births(options: RunOptions, folder: string) {
  const { devices, profile } = options;
  const nowMs = Date.now();
  const apartMs = (1000 * profile.cycle.intervalSeconds) / devices;
  return Array.from({ length: devices }, (_, n) => {
    const own = devices === 1 ? profile : memberProfile(profile, n + 1);
    const disturbance =
      options.disturbanceOf?.(own.device.id) ?? options.disturbance ?? luck({ ...options, profile: own });
    const ownFolder = join(folder, `${n + 1}`);
    mkdirSync(ownFolder, { mode: 0o700 });
    const ownOptions = { ...options, profile: own, ...(disturbance && { disturbance }) };
    return { options: ownOptions, powerAtMs: nowMs + Math.round(n * apartMs), folder: ownFolder };
  });
}

/** Each device has its own. */
function luck({ faults, seed, profile }: RunOptions): Disturbance | undefined {
  return faults.length === 0 ? undefined : faultDisturbance(faults, { seed, profile });
}

async function start(lives: readonly Life[], scene: Scene): Promise<void> {
  const waiting = [...lives.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [n, life] = next;
      await life.start(scene, scene.homes[n]!);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

function end(lives: readonly Life[]): { at: number; device: string; wake: number } {
  const [life, ...others] = lives;
  return {
    at: Math.round(Math.max(...lives.map(({ wakesAtMs }) => wakesAtMs))),
    device: others.length === 0 ? life!.resident.options.profile.device.id : "*",
    wake: Math.max(...lives.map(({ wakes }) => wakes)),
  };
}

/**
 * Whoever is due first wakes first. As many are awake at a time as there is something to run them on, and none is ahead
 * of another by more than half an interval. Boards that stay awake all live at the same time.
 */
async function live(lives: readonly Life[], options: RunOptions): Promise<void> {
  const { realtime, profile } = options;
  const together = realtime || profile.cycle.mode === "awake";
  const most = together ? lives.length : options.broker ? waitingAtOnce : atOnce;
  const aheadMs = together ? Infinity : 500 * profile.cycle.intervalSeconds;
  const asleep = new Set(lives);
  const awake = new Map<Life, Promise<void>>();
  const next = nextWake(options, lives[0]!.wakesAtMs);
  for (;;) {
    const life = firstOf(asleep);
    const [oldest] = awake.keys();
    if (life && awake.size < most && !(oldest && life.wakesAtMs > oldest.wakesAtMs + aheadMs)) {
      asleep.delete(life);
      const wake = next(life).then((isOver) => {
        awake.delete(life);
        if (!isOver) asleep.add(life);
      });
      awake.set(life, wake);
    } else if (awake.size === 0) return;
    else await Promise.race(awake.values());
  }
}

function firstOf(lives: ReadonlySet<Life>): Life | undefined {
  let first: Life | undefined;
  for (const life of lives) if (!first || life.wakesAtMs < first.wakesAtMs) first = life;
  return first;
}

/** @returns what wakes a device, once its time has come, and tells whether its life is over instead */
function nextWake({ cycles, forMs, realtime, signal }: RunOptions, startMs: number) {
  const startedAtMs = Date.now();
  return async (life: Life): Promise<boolean> => {
    const { wakesAtMs } = life;
    if (life.cycles >= cycles || (forMs !== null && wakesAtMs >= startMs + forMs)) return true;
    const leftMs = startedAtMs + wakesAtMs - startMs - Date.now();
    if (realtime && leftMs > 0) await life.sleep(leftMs, signal);
    if (signal?.aborted) return true;
    await life.wake();
    return false;
  };
}

/** The listener tries again and again: what it says is told once, until it says something else. */
function onceEach(reporter: Reporter): (problem: string) => void {
  let said = "";
  return (problem) => {
    if (problem === said) return;
    said = problem;
    reporter.note(`listener: ${problem}`);
  };
}
