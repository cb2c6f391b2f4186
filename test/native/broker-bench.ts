/**
 * The bench of the hostile broker matrix. A case is one broker and one way of connecting to it that is refused,
 * beside a sibling that differs in one thing and is let in. All of them pass a relay, which tells what the device
 * sent: to a broker that is refused, nothing but its ClientHello and an alert.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineFile } from "../../host-sim/engine-file.js";
import type { FailureKind } from "../../lib/failure.js";
import type { Attempt, Outcome } from "../device/tls-client.js";
import { runOnDevice } from "./on-device.js";
import { type Certificate, chainFile, TestCA } from "./pki.js";
import { clientWentOn } from "./records.js";
import { type Relay, relay } from "./relay.js";
import { type Server, talkingOpenssl, type Version } from "./servers.js";

export type Options = Omit<Attempt, "port">;

/** Where to, and how. */
export type Way = readonly [to: Server, how?: Partial<Options>];

export interface Case {
  readonly name: string;
  readonly kind: FailureKind;
  readonly refused: Way;
  readonly accepted: Way;
  readonly seen: string;
}

/**
 * @param accepted differs from `refused` in one thing
 * @param seen what the failure's line must show of what differed
 */
export function turned(name: string, kind: FailureKind, refused: Way, accepted: Way, seen = ""): Case {
  return { name, kind, refused, accepted, seen };
}

/** Longer than an alert, so that no record with it can be taken for one. */
const secret = "nobody but the broker may read this\n";

export class Bench {
  readonly scratch = mkdtempSync(join(tmpdir(), "dormouse-tls-"));
  readonly now = Math.floor(Date.now() / 1000);
  readonly ca = new TestCA(this.scratch);
  readonly between = this.ca.intermediate("between");
  /** For localhost and 127.0.0.1, by the CA itself. */
  readonly honest = this.ca.issue("honest");
  /** The same, by the intermediate. */
  readonly under = this.ca.issue("under", { issuer: this.between });
  readonly #running: Server[] = [];
  engine = "";
  good!: Server;
  chained!: Server;

  async start(): Promise<void> {
    this.engine = await engineFile("release");
    this.good = await this.broker(this.honest);
    this.chained = await this.broker(this.under, [this.between]);
  }

  /** An OpenSSL with this certificate, and what else it sends along. */
  broker(certificate: Certificate, chain: readonly Certificate[] = [], ...more: string[]): Promise<Server> {
    const file = join(this.scratch, `chain-${process.hrtime.bigint()}.pem`);
    const along = chain.length > 0 ? ["-cert_chain", chainFile(file, chain)] : [];
    return this.run(talkingOpenssl({ certificate }, [...along, ...more]));
  }

  /** Until the end of the tests. */
  async run(starting: Promise<Server>): Promise<Server> {
    const server = await starting;
    this.#running.push(server);
    return server;
  }

  async stop(): Promise<void> {
    for (const server of this.#running) await server.stop();
    rmSync(this.scratch, { recursive: true, force: true });
  }

  attempt(port: number, how: Partial<Options> = {}): Attempt {
    return { port, hostName: "localhost", ca: this.ca.pem, atSeconds: this.now, timeoutMs: 4000, ...how };
  }

  /** All cases, in each version, in as few boots as they fit in. */
  async judge(
    cases: readonly Case[],
    versions: readonly (Version | "any")[] = ["1.3", "1.2"],
  ): Promise<void> {
    const relays = new Map<Case, readonly [Relay, Relay]>();
    for (const one of cases)
      relays.set(one, [await relay(one.refused[0].port), await relay(one.accepted[0].port)]);
    const all = versions.flatMap((version) => cases.map((one) => ({ version, one })));
    try {
      const attempts = all.flatMap(({ version, one }) =>
        [one.refused, one.accepted].map(([, how], i): Attempt => {
          const only = version === "any" ? {} : { minVersion: version, maxVersion: version };
          return this.attempt(relays.get(one)![i as 0 | 1].port, { send: secret, ...only, ...how });
        }),
      );
      const { outcomes, end } = await runOnDevice(this.engine, this.scratch, attempts);
      all.forEach(({ version, one }, i) => {
        refused(outcomes[2 * i], one, `${one.name}, TLS ${version}`);
        accepted(outcomes[2 * i + 1], `the sibling of "${one.name}", TLS ${version}`);
      });
      for (const [{ name }, [hostile, honest]] of relays) {
        assert.equal(hostile.overheard().some(clientWentOn), false, `${name}: more than an alert was sent`);
        assert.ok(honest.overheard().some(clientWentOn), `${name}: nothing was sent to its sibling`);
      }
      assert.equal(end.tlsBytesLeaked, 0);
    } finally {
      for (const pair of relays.values()) await Promise.all(pair.map((one) => one.stop()));
    }
  }
}

function refused(outcome: Outcome | undefined, { kind, seen }: Case, what: string): void {
  assert.equal(outcome?.end, "failed", `${what}: ${JSON.stringify(outcome)}`);
  assert.equal(outcome.failure?.kind, kind, `${what}: ${outcome.failure?.detail}`);
  assert.ok(outcome.failure.detail.includes(seen), `${what}: ${seen} is not in "${outcome.failure.detail}"`);
  assert.equal(outcome.secured, undefined, `${what}: it was secured all the same`);
  assert.equal(outcome.received, 0, what);
}

function accepted(outcome: Outcome | undefined, what: string): void {
  assert.equal(outcome?.end, "open", `${what}: ${JSON.stringify(outcome)}`);
}
