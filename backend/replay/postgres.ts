/**
 * The replay store of several machines, in PostgreSQL. What waits while a batch is with the server makes the next
 * one: a round trip and a commit for each batch, not each message. When the connection breaks the batch is sent again
 * over a new one, for a while; a mark that the first attempt has left is known as its own.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { prepareSchema } from "./postgres-schema.js";
import {
  type Admission,
  type Arrival,
  checkArrival,
  hostWindow,
  identityBytes,
  type ReplayStore,
} from "./replay-store.js";

export interface PostgresOptions {
  /** A URL (postgresql://…); undefined: what PGHOST, PGUSER, PGPASSWORD and so on, and ~/.pgpass say. */
  readonly connectionString?: string;
  readonly window?: number;
  /** For how long a batch is tried when the server cannot be reached; 30 s unless given. */
  readonly patienceMs?: number;
}

interface Waiting {
  readonly arrival: Arrival;
  /** 8 random bytes, see postgres-schema.ts. */
  readonly claim: string;
  readonly resolve: (admission: Admission) => void;
  readonly reject: (error: unknown) => void;
}

const maxBatch = 500;
const connectMs = 5_000;
/** The longest that a batch may take, with waiting for others' locks. */
const queryMs = 15_000;
const firstPauseMs = 50;
const longestPauseMs = 2_000;

/** Serialisation failure, deadlock, and two who insert the same: another attempt finds it settled. */
const passing = ["40001", "40P01", "23505"];
/** Connection exceptions, and a server that shuts down, starts, has too many clients, or is the spare one by now. */
const unreachable = /^(08...|57P0[1-5]|53300|25006)$/;

export class PostgresReplayStore implements ReplayStore {
  readonly #options: PostgresOptions;
  readonly #closing = new AbortController();
  #client: pg.Client | undefined;
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;

  private constructor(options: PostgresOptions) {
    this.#options = options;
  }

  /** @throws {Error} when the server cannot be reached now, or its tables are of a later version */
  static async open(options: PostgresOptions = {}): Promise<PostgresReplayStore> {
    const store = new PostgresReplayStore(options);
    store.#client = await store.#connect();
    return store;
  }

  admit(arrival: Arrival): Promise<Admission> {
    return new Promise((resolve, reject) => {
      checkArrival(arrival);
      if (this.#closing.signal.aborted) throw new Error("the replay store is closed");
      const claim = randomBytes(8).toString("hex");
      this.#waiting.push({ arrival, claim, resolve, reject });
      this.#working ??= this.#work();
    });
  }

  /** Until nothing waits. Never rejects. */
  async #work(): Promise<void> {
    // Whatever else arrives in this turn of the event loop comes along.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxBatch);
      try {
        // In the order of their streams: two batches that lock the same ones never wait for each other in a ring.
        const sorted = [...batch].sort(byStream);
        const admissions = await this.#admitPatiently(sorted);
        for (const [n, { resolve }] of sorted.entries()) resolve(admissions[n]!);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    // In the same step in which nothing was found waiting: whoever comes later starts the work anew.
    this.#working = undefined;
  }

  async #admitPatiently(batch: readonly Waiting[]): Promise<Admission[]> {
    const { patienceMs = 30_000 } = this.#options;
    const until = performance.now() + patienceMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs))
      try {
        this.#client ??= await this.#connect();
        return await this.#admitBatch(this.#client, batch);
      } catch (error) {
        if (!this.#mayPass(error) || this.#closing.signal.aborted || performance.now() > until) throw error;
        await delay(pauseMs * (0.5 + Math.random()), undefined, { signal: this.#closing.signal });
      }
  }

  /** Whether another attempt makes sense; forgets a connection that is of no more use. */
  #mayPass(error: unknown): boolean {
    const { code } = error as { readonly code?: string };
    if (code !== undefined && passing.includes(code)) return true;
    const answered = error instanceof pg.DatabaseError;
    if (answered && !unreachable.test(code ?? "")) return false;
    this.#drop(this.#client);
    return true;
  }

  async #admitBatch(client: pg.Client, batch: readonly Waiting[]): Promise<Admission[]> {
    const column = (of: (waiting: Waiting) => string | number) => batch.map(of);
    const { rows } = await client.query(
      "SELECT dormouse.admit($1, $2, $3, $4, $5, $6, $7, $8) AS admissions",
      [
        column(({ arrival }) => arrival.sender),
        column(({ arrival }) => arrival.epoch),
        column(({ arrival }) => arrival.direction),
        column(({ arrival }) => arrival.topic),
        column(({ arrival }) => arrival.counter),
        column(({ arrival }) => Buffer.from(arrival.identity.subarray(0, identityBytes)).toString("hex")),
        column(({ claim }) => claim),
        this.#options.window ?? hostWindow,
      ],
    );
    return rows[0].admissions;
  }

  async #connect(): Promise<pg.Client> {
    const { connectionString } = this.#options;
    const client = new pg.Client({
      ...(connectionString !== undefined && { connectionString }),
      application_name: "dormouse",
      connectionTimeoutMillis: connectMs,
      query_timeout: queryMs,
      keepAlive: true,
    });
    // Also while nothing is asked of it: without a listener Node would end the process.
    client.on("error", () => this.#drop(client));
    try {
      await client.connect();
      await client.query("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED");
      // A mark that a crash of the server could lose would be no mark.
      await client.query("SET synchronous_commit = on");
      await prepareSchema(client);
      return client;
    } catch (error) {
      this.#drop(client);
      throw error;
    }
  }

  #drop(client: pg.Client | undefined): void {
    if (client === this.#client) this.#client = undefined;
    client?.end().catch(() => {});
  }

  /** What waits still is tried once more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}

function byStream({ arrival: a }: Waiting, { arrival: b }: Waiting): number {
  return (
    compare(a.sender, b.sender) ||
    a.epoch - b.epoch ||
    compare(a.direction, b.direction) ||
    compare(a.topic, b.topic)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
