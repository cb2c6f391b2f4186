/** `dormouse sim --unprovisioned`: a board at a port by name, that waits for its identity and then lives with it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BoardName, boardManifest } from "./board.js";
import { controlWords, readControls } from "./controls.js";
import type { LineFault } from "./device.js";
import { engineFile } from "./engine-file.js";
import { Hands } from "./hands.js";
import { takePort } from "./ports.js";
import { jsonReporter } from "./report/json.js";
import { Tally } from "./report/summary.js";
import { terminalReporter } from "./report/terminal.js";
import { UnprovisionedLife } from "./unprovisioned-life.js";
import type { AccessPoint } from "./world/access-point.js";
import { quietWorld, type World } from "./world/network.js";
import { Prng } from "./world/prng.js";

export interface UnprovisionedOptions {
  readonly board: BoardName;
  /** `sim:NAME` of other commands. */
  readonly name: string;
  readonly line: readonly LineFault[];
  /** The one network in the air; null: any that the board is told to join. */
  readonly network: Pick<AccessPoint, "ssid" | "password"> | null;
  readonly cycles: number;
  readonly realtime: boolean;
  readonly json: boolean;
  readonly keylog: string | null;
  readonly pcap: string | null;
  readonly seed: number;
  readonly driftPpm: number;
}

/** What shells expect of a program that Ctrl-C has ended. */
const interrupted = 130;

/** @returns 0 when the board was provisioned and all that it then sent was acknowledged, 1 otherwise */
export async function runUnprovisioned(options: UnprovisionedOptions): Promise<number> {
  const engine = await engineFile("release");
  const reporter = options.json ? jsonReporter : terminalReporter();
  const note = (text: string) => reporter.note(text);
  const end = new AbortController();
  let wasInterrupted = false;
  const interrupt = () => {
    wasInterrupted = true;
    end.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, interrupt);
  const folder = mkdtempSync(join(tmpdir(), "dormouse-sim-"));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeFolder);
  const hands = new Hands(boardManifest(options.board));
  const tally = new Tally();
  const port = takePort(options.name);
  const { board, name, seed } = options;
  const life = new UnprovisionedLife(
    {
      ...options,
      engine,
      link: port.path,
      folder,
      world: worldOf(options),
      random: new Prng(seed, "network"),
      signal: end.signal,
    },
    hands,
    { reporter, tally },
  );
  const controls = readControls(process.stdin, hands, { quit: () => end.abort(), note });
  try {
    note(`${board}, unprovisioned, at sim:${name} (${port.path})`);
    note(`seed ${seed}; type ${controlWords}`);
    await life.start();
    await life.live();
    reporter.report({ ...life.last, event: "summary", ...tally.summary, judged: false });
    return wasInterrupted ? interrupted : tally.delivered ? 0 : 1;
  } catch (error) {
    // Ctrl-C reaches the engine too.
    if (end.signal.aborted) return interrupted;
    throw error;
  } finally {
    controls.close();
    await life.close();
    port.release();
    process.removeListener("exit", removeFolder);
    removeFolder();
  }
}

/** Brokers and time are those of this machine's resolver and of the virtual clock. */
function worldOf({ network }: UnprovisionedOptions): World {
  const world = quietWorld(network ?? { ssid: "burrow", password: "any password" }, {});
  if (network) return world;
  const [point] = world.accessPoints;
  const open = {
    ...point!,
    ssid: "meadow",
    password: "",
    bssid: "02:00:5e:00:53:02",
    channel: 11,
    rssi: -71,
  };
  return { ...world, accessPoints: [point!, open], welcomes: true };
}
