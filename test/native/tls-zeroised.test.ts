/**
 * Keys and session secrets are gone once the connection is: all memory that the engine's process can write is
 * searched for them while the device still runs, and again when it sleeps. Before that the same search finds
 * them, each while it is in use. What an application sends and receives is its own to wipe.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { BoardName } from "../../host-sim/board.js";
import type { BootCause } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import type { Connection, Outcome } from "../device/tls-connections.js";
import { ConnectingDevice } from "./connecting-device.js";
import { type HandshakeName, Handshakes } from "./handshakes.js";
import { type Found, findPrivateKey, type Sought, searchMemory } from "./memory-search.js";
import {
  exchangeSecrets,
  holdsMaster,
  keySecrets,
  keyShare,
  loggedSecrets,
  pemSecrets,
  pskSecrets,
  readKeyLog,
  resumptionKey,
  sealSecrets,
} from "./tls-secrets.js";
import { Turnstile } from "./turnstile.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-zeroised-"));
let engine: string;
let handshakes: Handshakes;
/** Of all that is in the device's flash. */
let stored: readonly Sought[];

before(async () => {
  engine = await engineFile("release");
  handshakes = new Handshakes(scratch);
  const { clientKey, clientKeyRsa, psk, seal } = handshakes.secrets;
  stored = [
    ...keySecrets("P-256 key", clientKey),
    ...pemSecrets("P-256 key", clientKey),
    ...keySecrets("RSA key", clientKeyRsa),
    ...pskSecrets("PSK", psk, "ext"),
    ...pskSecrets("other PSK", handshakes.flash["psk-other"]!, "ext"),
    ...sealSecrets(seal),
  ];
});
after(async () => {
  await handshakes.stop();
  rmSync(scratch, { recursive: true, force: true });
});

interface Visit {
  readonly name: HandshakeName;
  readonly more?: Partial<Connection>;
  readonly board?: BoardName;
  readonly measure?: boolean;
}

/** A device behind a turnstile, and what is known of its secrets so far. */
class Search {
  readonly #device: ConnectingDevice;
  readonly #turnstile: Turnstile;
  readonly #keylog: string;
  readonly #connection: Connection;
  #secrets: readonly Sought[] = stored;
  #logged = 0;
  /** The PSK of this connection, by its own or by resumption. */
  #psk: Uint8Array = new Uint8Array(32);
  #ephemeral: Uint8Array | undefined;

  private constructor(
    device: ConnectingDevice,
    turnstile: Turnstile,
    keylog: string,
    connection: Connection,
  ) {
    this.#device = device;
    this.#turnstile = turnstile;
    this.#keylog = keylog;
    this.#connection = connection;
    if (connection.psk) this.#psk = handshakes.secrets.psk;
  }

  static async start({ name, more, board = "esp32c3", measure = false }: Visit): Promise<Search> {
    const keylog = join(scratch, `keys-${process.hrtime.bigint()}`);
    const { flash } = handshakes;
    const device = await ConnectingDevice.start({ engine, scratch, flash, keylog, board, measure });
    const connection = { ...(await handshakes.connection(name)), ...more };
    const turnstile = await Turnstile.to(connection.port);
    return new Search(device, turnstile, keylog, { ...connection, port: turnstile.port });
  }

  async stop(): Promise<void> {
    await this.#device.stop();
    await this.#turnstile.stop();
  }

  found(): readonly Found[] {
    return searchMemory(this.#device.pid, this.#secrets);
  }

  /** Which secrets are there, by the first word or two of their names. */
  names(): ReadonlySet<string> {
    return new Set(this.found().map(({ name }) => name));
  }

  /**
   * One connection, as far as it comes; what is looked for is complete from `open` on.
   * @param look looks at the memory while the device waits for the server, and once data can flow
   */
  async visit(
    cause: BootCause,
    look: (at: "handshaking" | "open", turnstile: Turnstile) => void,
  ): Promise<Outcome> {
    this.#turnstile.close();
    const connection: Connection = { ...this.#connection, pauses: ["handshaking", "open", "closed"] };
    const { outcomes } = await this.#device.boot(cause, [connection], {
      onPause: async (at, _, outcome) => {
        if (at === "closed") return this.#closed(outcome!);
        if (at === "handshaking") await this.#handshaking();
        else this.#opened();
        look(at, this.#turnstile);
        this.#turnstile.open();
      },
    });
    assert.deepEqual(this.found(), [], "in deep sleep");
    return outcomes[0]!;
  }

  async #handshaking(): Promise<void> {
    await this.#turnstile.answered();
    if (this.#connection.version === "1.2") return;
    this.#ephemeral = findPrivateKey(this.#device.pid, keyShare(this.#turnstile.overheard.fromClient));
    assert.ok(this.#ephemeral, "the ephemeral key is not where it should be");
  }

  #opened(): void {
    const { overheard } = this.#turnstile;
    const log = readKeyLog(this.#keylog).slice(this.#logged);
    this.#logged += log.length;
    this.#learn(loggedSecrets(log, overheard));
    if (this.#ephemeral) this.#learn(exchangeSecrets(this.#ephemeral, this.#psk, overheard, log));
  }

  #closed({ saved = "" }: Outcome): void {
    const sealed = Buffer.from(saved, "hex");
    const { seal } = handshakes.secrets;
    if (sealed.length > 0 && this.#connection.version === "1.3") {
      this.#psk = resumptionKey(sealed, seal);
      assert.equal(this.#psk.length, 32);
      this.#learn(pskSecrets("resumption", this.#psk, "res"));
    } else if (sealed.length > 0) {
      const masters = this.#secrets.filter(({ name }) => name === "CLIENT_RANDOM");
      assert.ok(holdsMaster(sealed, seal, Buffer.from(masters.at(-1)!.bytes)));
    }
    assert.deepEqual(this.found(), [], "after close");
  }

  #learn(more: readonly Sought[]): void {
    this.#secrets = [...this.#secrets, ...more];
  }
}

async function searching<T>(visit: Visit, use: (search: Search) => Promise<T>): Promise<T> {
  const search = await Search.start(visit);
  try {
    return await use(search);
  } finally {
    await search.stop();
  }
}

function present(names: ReadonlySet<string>, wanted: readonly string[]): void {
  for (const name of wanted)
    assert.ok(names.has(name), `${name} is not found while it is in use: ${[...names]}`);
}

const traffic = {
  "1.3": ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0: key"],
  "1.2": ["CLIENT_RANDOM", "write keys"],
};

const otherPsk = { identity: "dormouse-1", key: "psk-other" };
const rsaNumbers = ["d", "p", "q", "dp", "dq", "qi"].map((member) => `RSA key ${member}`);

const cases: readonly (readonly [HandshakeName, readonly string[]])[] = [
  ["1.3 ECDSA", []],
  ["1.3 PSK", ["PSK"]],
  ["1.3 client certificate", ["P-256 key d"]],
  ["1.3 client certificate, RSA", rsaNumbers],
  ["1.2 ECDHE-ECDSA", []],
  ["1.2 ECDHE-PSK", ["PSK"]],
  ["1.2 client certificate", ["P-256 key d"]],
  ["1.2 client certificate, RSA", rsaNumbers],
];

for (const [name, keys] of cases)
  test(`${name}: every secret is found while it is in use, none after close, resumed or not`, () =>
    searching({ name }, async (search) => {
      const version = name.startsWith("1.3") ? "1.3" : "1.2";
      for (const cause of ["power-on", "deep-sleep"] as const) {
        const resumed = cause === "deep-sleep" && name !== "1.3 PSK";
        const outcome = await search.visit(cause, (at) => {
          const names = search.names();
          present(names, ["sealing secret"]);
          if (at === "handshaking") present(names, keys);
          if (at === "handshaking" && resumed)
            present(names, [version === "1.3" ? "resumption" : "CLIENT_RANDOM"]);
          if (at === "handshaking") return;
          present(names, traffic[version]);
          for (const found of names) assert.doesNotMatch(found, /^(P-256|RSA) key|^ephemeral|^shared/);
        });
        assert.equal(outcome.end, "open", JSON.stringify(outcome));
        assert.equal(outcome.resumed, resumed);
      }
    }));

test("a key in PEM leaves neither its numbers nor its lines", () =>
  searching(
    {
      name: "1.3 client certificate",
      more: { identity: { certificate: "client", key: "client-key-pem" } },
    },
    async (search) => {
      const outcome = await search.visit("power-on", (at) => {
        if (at === "handshaking") present(search.names(), ["P-256 key d"]);
      });
      assert.equal(outcome.end, "open");
    },
  ));

const failures: readonly (readonly [string, HandshakeName, Partial<Connection>, string, string, boolean])[] =
  [
    [
      "a refused certificate",
      "1.3 client certificate",
      { ca: "ca-other" },
      "P-256 key d",
      "tls-untrusted",
      false,
    ],
    [
      "a refused certificate",
      "1.2 client certificate, RSA",
      { ca: "ca-other" },
      "RSA key p",
      "tls-untrusted",
      false,
    ],
    ["a wrong PSK", "1.3 PSK", { psk: otherPsk }, "other PSK", "tls-psk-refused", false],
    ["a wrong PSK", "1.2 ECDHE-PSK", { psk: otherPsk }, "other PSK", "tls-psk-refused", false],
    ["a cut", "1.3 client certificate", {}, "P-256 key d", "connection-lost", true],
    ["a cut", "1.2 ECDHE-PSK", {}, "PSK", "connection-lost", true],
  ];
for (const [what, name, more, secret, kind, cut] of failures)
  test(`${name}: ${what} in the handshake leaves no secret either`, () =>
    searching({ name, more }, async (search) => {
      const outcome = await search.visit("power-on", (_, turnstile) => {
        present(search.names(), [secret]);
        if (cut) turnstile.cut();
      });
      assert.equal(outcome.end, "ended");
      assert.equal(outcome.kind, kind, outcome.detail);
    }));

for (const board of ["esp32", "esp32c3", "esp8266"] as const)
  test(`${board}: a key that the collector moved while it was in JavaScript leaves no copy`, () =>
    searching({ name: "1.3 PSK", board, measure: true, more: { collect: true } }, async (search) => {
      const copies = { handshaking: 0, open: 0 };
      const outcome = await search.visit("power-on", (at) => {
        copies[at] = search
          .found()
          .filter(({ name, region }) => name === "PSK" && region !== "[heap]").length;
      });
      assert.equal(outcome.end, "open");
      assert.ok(copies.handshaking > 0, "the collector left nothing to find");
      assert.equal(copies.open, 0);
    }));
