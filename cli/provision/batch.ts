/**
 * A tray of boards by a CSV file: those at one port one after the other, ports side by side. What the register has as
 * complete is not done again, and a board that fails keeps none of the others from their turn.
 */
import type { Info } from "../../lib/provisioning/messages.js";
import { lockedFailure } from "../../lib/provisioning/provision.js";
import { printableLine } from "../mqtt/printable.js";
import { batchConflict } from "../profile/batch-rules.js";
import { type LoadedProfile, loadProfile } from "../profile/load.js";
import { OperatorError, UsageError } from "../report.js";
import { boardProblem, openBoard } from "./board.js";
import { type DeviceRow, readDevices } from "./devices-csv.js";
import { openFleet } from "./fleet-folder.js";
import type { ProvisionFlags } from "./port-flags.js";
import { forget, type Prepared, prepare } from "./prepare.js";
import { Prompts } from "./prompts.js";
import { checkAuthority, isPending, type Provisioner, provisionBoard } from "./provisioning.js";
import { macText } from "./shown.js";
import { type Provisioned, teller } from "./told.js";

/** For a person to take one board off and connect the next. */
const swapMs = 300_000;

interface Job {
  readonly row: DeviceRow;
  readonly prepared: Prepared;
}

interface Result {
  readonly id: string;
  readonly port: string;
  readonly result: "provisioned" | "skipped" | "failed";
  readonly done?: Provisioned;
  readonly problem?: string;
}

/**
 * @returns whether every board of the file is provisioned now
 * @throws {UsageError | OperatorError} before any board is spoken to
 */
export async function provisionBatch(flags: ProvisionFlags, path: string): Promise<boolean> {
  const rows = await readDevices(path);
  const without = rows.find(({ port }) => port === undefined);
  if (without && flags.port === undefined)
    throw new UsageError(
      `-p, --port <PORT>: ${path} has no port on line ${without.line}: see dormouse ports`,
    );
  const tell = teller(flags.json ?? false, true);
  const loaded = await loadAll(flags.profile, rows, path);
  const fleet = openFleet(flags.fleet);
  const jobs: Job[] = [];
  try {
    const results: Result[] = [];
    const left = rows.filter((row) => {
      if (fleet.register.find(row.id)?.state !== "complete") return true;
      tell({ event: "skipped", id: row.id, why: "it is provisioned already" });
      results.push({ id: row.id, port: row.port ?? flags.port!, result: "skipped" });
      return false;
    });
    await prepareAll(flags.profile, left, loaded, jobs);
    await checkAuthority(
      flags.certs,
      jobs.map(({ prepared }) => prepared),
    );
    const queues = new Map<string, Job[]>();
    for (const job of jobs) {
      const port = job.row.port ?? flags.port!;
      queues.set(port, [...(queues.get(port) ?? []), job]);
    }
    const by = { fleet, certs: flags.certs, tell };
    await Promise.all(
      [...queues].map(async ([port, queue]) => {
        results.push(...(await new Bench(port, queue, flags, by).run()));
      }),
    );
    if (!flags.json) for (const line of table(rows, results)) console.log(printableLine(line));
    return results.every(({ result }) => result !== "failed");
  } finally {
    for (const { prepared } of jobs) forget(prepared);
    fleet.close();
  }
}

async function loadAll(
  profile: string,
  rows: readonly DeviceRow[],
  path: string,
): Promise<Map<DeviceRow, LoadedProfile>> {
  const loaded = new Map<DeviceRow, LoadedProfile>();
  for (const row of rows)
    try {
      loaded.set(row, await loadProfile(profile, { ...row.settings, "device.id": row.id }));
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      throw new OperatorError(`--batch ${path}, line ${row.line}: ${error.message}`);
    }
  const conflict = batchConflict([...loaded.values()]);
  if (conflict !== undefined) throw new OperatorError(`--batch ${path}: ${conflict}`);
  return loaded;
}

/** Wi-Fi is the same for all; what else is asked for is asked for each board. */
async function prepareAll(
  path: string,
  rows: readonly DeviceRow[],
  loaded: ReadonlyMap<DeviceRow, LoadedProfile>,
  jobs: Job[],
): Promise<void> {
  const prompts = new Prompts();
  try {
    for (const row of rows) {
      const ask: Parameters<typeof prepare>[2] = (prompt) =>
        prompts.ask(prompt, prompt.setting === "wifi.password" ? undefined : row.id);
      jobs.push({ row, prepared: await prepare(path, loaded.get(row)!, ask) });
    }
  } finally {
    prompts.close();
  }
}

/** One port, and the boards that are to come to it. */
class Bench {
  readonly #port: string;
  readonly #jobs: Job[];
  readonly #flags: ProvisionFlags;
  readonly #by: Provisioner;
  /** None but the first board may be waited for where there is but one. */
  readonly #waitMs: number | undefined;
  /** Ids of those that were here: one may answer still. */
  readonly #before = new Set<string>();
  /** MACs likewise: a board that failed does not become the next device. */
  readonly #macs = new Set<string>();
  #said = "";

  constructor(port: string, jobs: readonly Job[], flags: ProvisionFlags, by: Provisioner) {
    this.#port = port;
    this.#jobs = [...jobs];
    this.#flags = flags;
    this.#by = by;
    this.#waitMs = flags.wait ?? (jobs.length > 1 ? swapMs : undefined);
  }

  async run(): Promise<Result[]> {
    const results: Result[] = [];
    while (this.#jobs.length > 0) {
      const result = await this.#next();
      results.push(result);
      this.#before.add(result.id);
      // Nobody came: nobody will for the others.
      if (result.problem !== undefined && !this.#spokenTo) {
        for (const { row } of this.#jobs.splice(0))
          results.push(this.#failed(row.id, "not tried: no board came before it"));
      }
    }
    return results;
  }

  #spokenTo = false;

  async #next(): Promise<Result> {
    this.#spokenTo = false;
    this.#said = "";
    const port = this.#port;
    const { tell } = this.#by;
    let job = this.#jobs[0]!;
    if (this.#before.size > 0)
      this.#wait(`take ${[...this.#before].at(-1)} off, and connect the board for ${job.row.id}`);
    try {
      const board = await openBoard({
        port,
        baud: this.#flags.baud,
        waitMs: this.#waitMs,
        wanted: (info) => this.#jobFor(info) !== undefined,
        line: this.#flags.verbose ? (text) => tell({ event: "line", port, text }) : undefined,
      });
      try {
        this.#spokenTo = true;
        const { mac } = board.info;
        const found = this.#jobFor(board.info);
        if (!found) throw this.#whyNot(board.info);
        job = found;
        if (mac !== "") this.#macs.add(mac);
        const done = await provisionBoard(port, board, job.prepared, this.#by);
        tell({ event: "provisioned", port, ...done });
        return { id: job.row.id, port, result: "provisioned", done };
      } finally {
        await board.close();
      }
    } catch (error) {
      const line = boardProblem(port, error);
      return this.#failed(job.row.id, line instanceof Error ? line.message : String(line));
    } finally {
      this.#jobs.splice(this.#jobs.indexOf(job), 1);
    }
  }

  #failed(id: string, problem: string): Result {
    const port = this.#port;
    this.#by.tell({ event: "failed", port, id, problem });
    return { id, port, result: "failed", problem };
  }

  /** By its MAC, where rows have one; else the first that has none. */
  #jobFor(info: Info): Job | undefined {
    const own = this.#jobs.find(({ row }) => info.mac !== "" && row.mac === info.mac);
    if (!own && this.#macs.has(info.mac)) return undefined;
    const job = own ?? this.#jobs.find(({ row }) => row.mac === undefined);
    if (job && (info.state !== "locked" || isPending(info, job.row.id, this.#by.fleet))) return job;
    if (!info.device || !this.#before.has(info.device.id)) this.#wait(this.#whyNot(info).message);
    return undefined;
  }

  #whyNot(info: Info): OperatorError {
    if (info.state === "locked") {
      const { message, action } = lockedFailure(info);
      return new OperatorError(`${message}: ${action}`);
    }
    return new OperatorError(`no line has the mac of this board, ${macText(info.mac) ?? "which has none"}`);
  }

  /** Once each. */
  #wait(text: string): void {
    if (text === this.#said) return;
    this.#said = text;
    this.#by.tell({ event: "waiting", port: this.#port, text });
  }
}

function table(rows: readonly DeviceRow[], results: readonly Result[]): string[] {
  const lines = rows.map(({ id }) => {
    const { port, result, done, problem } = results.find((one) => one.id === id)!;
    return [id, port, result, problem ?? (done ? `kid ${done.kid}` : "")];
  });
  const widths = [0, 1, 2].map((at) => Math.max(...lines.map((line) => line[at]!.length)));
  return lines.map((line) =>
    line
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
