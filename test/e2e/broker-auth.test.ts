/**
 * Whole wakes of a device that logs in, each board in the simulator: at the embedded broker, whose judge shares no code
 * with the firmware; at a broker of the test's, which lets OpenSSL and Python judge too; and at a Mosquitto that is
 * set up as docs/profile.md says.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type BoardName, boardNames } from "../../host-sim/board.js";
import type { Disturbance } from "../../host-sim/disturbance.js";
import { Account, type Login } from "../../host-sim/world/account.js";
import { type Broker, startBroker } from "../../host-sim/world/broker.js";
import type { World } from "../../host-sim/world/network.js";
import type { Profile } from "../../lib/store/profile.js";
import { dormouse } from "../cli/command.js";
import { only, run } from "./run.js";
import { Pki } from "./tls-scene.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-broker-auth-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content, { mode: 0o600 });
  return `file:${name}`;
}

const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const hs256Text = randomBytes(24).toString("base64");
const deviceSecret = randomBytes(32);
const secretFile = `file:${join(folder, "secret")}`;
file("secret", `${deviceSecret.toString("hex")}\n`);
const keys = {
  HS256: file("hs256", `${hs256Text}\n`),
  ES256: file("es256", p256.export({ type: "sec1", format: "pem" })),
};
process.env.DORMOUSE_TEST_ACORN = "acorn";

const stored = { username: "u", password: "env:DORMOUSE_TEST_ACORN" };
const derived = { password: "derived" };
const jwt = (algorithm: "HS256" | "ES256", more: object = {}) => ({
  jwt: { algorithm, key: keys[algorithm], ...more },
});

let made = 0;
/** A profile for the embedded broker, or for one at localhost. */
function profile(account: object, host = "broker.dormouse.test"): string {
  const path = join(folder, `${++made}.json`);
  const written = {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi: { ssid: "burrow" },
    broker: { host, ...account },
    mqtt: { version: "3.1.1" },
  };
  writeFileSync(path, JSON.stringify(written));
  return path;
}

const kinds = (events: Parameters<typeof only>[0]) =>
  only(events, "error").map((error) => {
    const { wake, kind, phase } = error as typeof error & { phase?: string };
    return `${wake} ${phase} ${kind}`;
  });

describe("at the embedded broker", () => {
  const accounts: [string, object, readonly BoardName[]][] = [
    ["a stored password", stored, boardNames],
    ["a derived password", derived, boardNames],
    ["an HS256 token", jwt("HS256", { audience: "mqtts://broker.dormouse.test" }), boardNames],
    ["an ES256 token", { clientIdPrefix: "cellar:", ...jwt("ES256") }, ["esp32", "esp32c3"]],
  ];
  for (const [what, account, boards] of accounts)
    for (const board of boards)
      test(`${board}: ${what} lets the device in at each wake`, async () => {
        const { events, tally, summary } = await run({ board, cycles: "2", profile: profile(account) });
        assert.deepEqual(kinds(events), []);
        assert.ok(tally.success);
        assert.deepEqual([summary.published, summary.verified], [2, 2]);
      });

  test("a token that is refused casts doubt on the time: it is asked for again, and the next wake gets in", async () => {
    let wake = 1;
    // The lie passes for a drift, and with so long sleeps no server would be asked again at the third wake.
    const { events, summary } = await run(
      { board: "esp32c3", cycles: "3", interval: "41h", profile: profile(jwt("HS256")) },
      (event) => {
        if (event.event === "sleep") wake = event.wake + 1;
      },
      { disturbance: { network: (quiet) => ({ ...quiet, timeErrorMs: wake === 2 ? -7_200_000 : 0 }) } },
    );
    const [error, ...others] = only(events, "error");
    assert.deepEqual([error?.wake, error?.kind, error?.code, others], [2, "broker-refused", 4, []]);
    assert.deepEqual([summary.verified, summary.rejected], [3, 0]);
    const asked = only(events, "phase").filter(({ name }) => name === "clock");
    assert.deepEqual(
      asked.map((one) => one.wake),
      [1, 2, 3],
    );
  });

  type Written = Parameters<NonNullable<Disturbance["flash"]>>[0];
  const without = (key: string) => (written: Written) => written.filter((entry) => entry.key !== key);
  const changed = (key: string, change: (value: Uint8Array) => Uint8Array) => (written: Written) =>
    written.map((entry) =>
      entry.key === key && entry.type === "buffer" ? { ...entry, value: change(entry.value) } : entry,
    );
  const oneBit = (value: Uint8Array) => value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte));
  const otherKey = () =>
    new Uint8Array(
      generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "der" }),
    );

  const strangers: [string, object, (written: Written) => Written][] = [
    ["another stored password", stored, changed("broker-password", oneBit)],
    ["a token of another HS256 key", jwt("HS256"), changed("jwt-key", oneBit)],
    ["a token of another ES256 key", jwt("ES256"), changed("jwt-key", otherKey)],
  ];
  for (const [what, account, flash] of strangers)
    test(`${what} is refused, and the reading waits`, async () => {
      const { events } = await run({ cycles: "1", profile: profile(account) }, undefined, {
        disturbance: { flash },
      });
      const [error, ...others] = only(events, "error");
      assert.deepEqual([error?.kind, error?.code, others], ["broker-refused", 4, []]);
      assert.deepEqual(only(events, "received"), []);
      assert.deepEqual(only(events, "acked"), []);
    });

  const unusable: [string, object, (written: Written) => Written, string][] = [
    ["no password", stored, without("broker-password"), "broker.password is not in flash"],
    ["no token key", jwt("HS256"), without("jwt-key"), "broker.jwt.key is not in flash"],
    [
      "an HS256 key of 31 bytes",
      jwt("HS256"),
      changed("jwt-key", (value) => value.slice(0, 31)),
      "broker.jwt.key is not of 32 to 64 bytes",
    ],
    [
      "an HS256 key of 65 bytes",
      jwt("HS256"),
      changed("jwt-key", () => new Uint8Array(65).fill(7)),
      "broker.jwt.key is not of 32 to 64 bytes",
    ],
    [
      "a damaged ES256 key",
      jwt("ES256"),
      changed("jwt-key", (value) => value.slice(1)),
      "broker.jwt.key is not a P-256 private key in PKCS #8 or SEC 1",
    ],
    [
      "an ES256 key beyond the curve's order",
      jwt("ES256"),
      changed("jwt-key", (value) => value.map((byte, i) => (i >= 36 && i < 68 ? 0xff : byte))),
      "broker.jwt.key is not a P-256 private key",
    ],
  ];
  for (const [what, account, flash, detail] of unusable)
    test(`${what} in flash: told as profile-invalid, and the broker hears nothing of the device`, async () => {
      const { events, summary } = await run({ cycles: "1", profile: profile(account) }, undefined, {
        disturbance: { flash },
      });
      assert.deepEqual(kinds(events), ["1 connect profile-invalid"]);
      assert.equal(only(events, "error")[0]?.detail, detail);
      assert.deepEqual(only(events, "sent"), []);
      assert.equal(summary.bytesUp, 0);
    });
});

interface Visited {
  readonly logins: readonly Login[];
  readonly events: Awaited<ReturnType<typeof run>>["events"];
  readonly notes: readonly string[];
}

describe("at a broker of its own", () => {
  let pki: Pki;
  before(async () => {
    pki = await Pki.create();
  });
  after(() => pki.remove());

  /** Without a judge everybody is let in; the listener always is. */
  async function visit(
    account: object,
    { judge, ...disturbance }: Disturbance & { readonly judge?: (login: Login) => boolean } = {},
    cycles = "1",
  ): Promise<Visited> {
    const logins: Login[] = [];
    const admits = (login: Login) => {
      if (login.clientId.includes("listener")) return true;
      logins.push({ ...login, password: login.password && Buffer.from(login.password) });
      return judge?.(login) ?? true;
    };
    const broker: Broker = await startBroker({ tls: pki, admits });
    try {
      const written = profile(
        { ...account, port: broker.port, tls: { ca: `file:${join(pki.folder, "ca/root.pem")}` } },
        "localhost",
      );
      const flags = { board: "esp32c3", cycles, profile: written, secret: secretFile };
      const { events, notes } = await run(flags, undefined, { disturbance });
      return { logins, events, notes };
    } finally {
      await broker.stop();
    }
  }

  /** As the embedded broker judges, by the wall clock. */
  function judgeFor(broker: Partial<Profile["broker"]>, jwtKey: Uint8Array): (login: Login) => boolean {
    const judged = {
      device: { id: "dormouse-1" },
      broker: { auth: "jwt", username: "dormouse-1", ...broker },
    };
    const account = new Account(judged as Profile, {
      brokerPassword: null,
      jwtKey,
      deviceSecret,
      nowSeconds: () => Date.now() / 1000,
    });
    return (login) => account.admits(login);
  }

  const password = ({ logins }: Visited) => Buffer.from(logins[0]!.password!).toString("latin1");

  test("a refused token costs a wake, no more, though the time server has fallen silent", async () => {
    let asleep = 0;
    let visits = 0;
    const { logins, events } = await visit(
      jwt("HS256"),
      {
        // Both of the second wake: what a resumed session may spoil is tried once more in full.
        judge: () => ++visits !== 2 && visits !== 3,
        network: (quiet: World): World => ({ ...quiet, timeServers: asleep === 0 }),
        asleep: (wake) => {
          asleep = wake;
          return undefined;
        },
      },
      "4",
    );
    assert.equal(logins.length, 5);
    assert.deepEqual(kinds(events), ["2 session broker-refused"]);
  });

  test("client id, user name and password are what the profile says", async () => {
    const { logins } = await visit({ ...stored, clientIdPrefix: "cellar:" });
    assert.deepEqual(logins, [
      { clientId: "cellar:dormouse-1", username: "u", password: Buffer.from("acorn") },
    ]);
    const [nobody] = (await visit({})).logins;
    assert.deepEqual(
      [nobody?.clientId, nobody?.username, nobody?.password],
      ["dormouse-1", undefined, undefined],
    );
    const [named] = (await visit({ username: "u" })).logins;
    assert.deepEqual([named?.username, named?.password], ["u", undefined]);
  });

  test("the derived password is the one that `dormouse keys password` prints", async () => {
    const visited = await visit(derived);
    const words = ["keys", "password", "--device", "dormouse-1", "--secret", secretFile];
    const printed = await dormouse(words);
    assert.deepEqual(
      [printed.stdout, printed.stderr],
      [
        `${password(visited)}
`,
        "",
      ],
    );
  });

  /** Splits a token as RFC 7515 §7.1 has it. */
  function parts(token: string): {
    input: string;
    signature: Buffer;
    header: unknown;
    claims: Record<string, unknown>;
  } {
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return {
      input: `${header}.${payload}`,
      signature: Buffer.from(signature, "base64url"),
      header: read(header),
      claims: read(payload),
    };
  }

  test("an ES256 token says what RFC 7519 wants, and OpenSSL finds its signature good", async () => {
    const visited = await visit({
      clientIdPrefix: "cellar:",
      ...jwt("ES256", { audience: "mqtts://localhost", lifetimeSeconds: 600 }),
    });
    const { input, signature, header, claims } = parts(password(visited));
    assert.deepEqual(header, { alg: "ES256", typ: "JWT" });
    const { iat, exp, ...named } = claims as { iat: number; exp: number };
    assert.deepEqual(named, { sub: "cellar:dormouse-1", aud: "mqtts://localhost" });
    assert.ok(Math.abs(iat - Date.now() / 1000) < 60, `${iat}`);
    assert.equal(exp - iat, 600);
    assert.equal(signature.length, 64);
    const integer = (bytes: Buffer) => {
      const at = bytes.findIndex((byte) => byte !== 0);
      const least = bytes.subarray(at);
      const padded = least[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), least]) : least;
      return Buffer.concat([Buffer.of(2, padded.length), padded]);
    };
    const both = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))]);
    file("token", input);
    file("signature", Buffer.concat([Buffer.of(0x30, both.length), both]));
    file("public", createPublicKey(p256).export({ type: "spki", format: "pem" }));
    const judged = (name: string) =>
      spawnSync("openssl", ["dgst", "-sha256", "-verify", "public", "-signature", "signature", name], {
        cwd: folder,
        encoding: "utf8",
      }).stdout;
    assert.equal(judged("token"), "Verified OK\n");
    file(
      "forged",
      input.replace(/.$/, (last) => (last === "A" ? "B" : "A")),
    );
    assert.match(judged("forged"), /Verification failure/i);
  });

  test("an HS256 token's signature is what Python makes of the same text", async () => {
    const { input, signature, header } = parts(password(await visit(jwt("HS256"))));
    assert.deepEqual(header, { alg: "HS256", typ: "JWT" });
    const program =
      "import hmac, sys; print(hmac.new(sys.argv[1].encode(), sys.argv[2].encode(), 'sha256').hexdigest())";
    const hex = execFileSync("python3", ["-c", program, hs256Text, input], { encoding: "utf8" }).trim();
    assert.equal(signature.toString("hex"), hex);
  });

  test("each connection has a token of its own time", async () => {
    const { logins } = await visit(jwt("HS256"), {}, "2");
    const [first, second] = logins.map(
      ({ password }) => parts(Buffer.from(password!).toString("latin1")).claims.iat as number,
    );
    assert.ok(second! - first! >= 890 && second! - first! <= 910, `${first} ${second}`);
  });

  const settings = { algorithm: "ES256", lifetimeSeconds: 600 } as const;
  const der = p256.export({ type: "pkcs8", format: "der" });
  const clockOff = (timeErrorMs: number) => (quiet: World) => ({ ...quiet, timeErrorMs });

  test("a token that has expired by the broker's clock is refused; one of the last minute is not", async () => {
    const judge = judgeFor({ jwt: settings }, der);
    const account = jwt("ES256", { lifetimeSeconds: 600 });
    const late = await visit(account, { judge, network: clockOff(-660_000) });
    assert.deepEqual(kinds(late.events), ["1 session broker-refused"]);
    assert.equal(only(late.events, "error")[0]?.code, 4);
    assert.deepEqual(only(late.events, "received"), []);
    const inTime = await visit(account, { judge, network: clockOff(-540_000) });
    assert.deepEqual(kinds(inTime.events), []);
    assert.equal(only(inTime.events, "received").length, 1);
  });

  test("a token of a key that the broker does not have is refused, of the one that it has not", async () => {
    const account = jwt("ES256", { lifetimeSeconds: 600 });
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
      type: "pkcs8",
      format: "der",
    });
    const refused = await visit(account, { judge: judgeFor({ jwt: settings }, other) });
    assert.deepEqual(kinds(refused.events), ["1 session broker-refused"]);
    const taken = await visit(account, { judge: judgeFor({ jwt: settings }, der) });
    assert.deepEqual(kinds(taken.events), []);
  });

  test("without a time there is no token: the wake says clock-unknown, and the broker hears nothing", async () => {
    let silent = true;
    const network = (quiet: World) => ({ ...quiet, timeServers: !silent });
    const { events, logins } = await visit(
      jwt("ES256"),
      {
        network,
        asleep: () => {
          silent = false;
          return undefined;
        },
      },
      "2",
    );
    assert.deepEqual(kinds(events), ["1 clock clock-unknown", "1 connect clock-unknown"]);
    assert.equal(logins.length, 1);
    assert.equal(only(events, "sent")[0]?.wake, 2);
    const received = only(events, "received");
    const names = received.flatMap(({ reading }) => reading ?? []).map(({ name }) => name.split(":")[1]);
    assert.ok(received.every(({ verdict }) => verdict === "fresh"));
    assert.equal(names.filter((name) => name === "temperature").length, 2, "both wakes' readings");
    // its sibling needs no time
    const other = await visit(derived, { network: (quiet) => ({ ...quiet, timeServers: false }) });
    assert.deepEqual(kinds(other.events), ["1 clock clock-unknown"]);
    assert.equal(other.logins.length, 1);
  });

  test("what the device logs in with is in no line of its log", async () => {
    for (const account of [stored, derived, jwt("HS256"), jwt("ES256")])
      for (const judge of [() => true, () => false]) {
        const visited = await visit(account, { judge });
        const log = JSON.stringify([visited.events, visited.notes]);
        assert.ok(visited.logins.length > 0 && log.length > 500);
        for (const secret of [password(visited), hs256Text, "acorn", deviceSecret.toString("hex")])
          assert.ok(!log.includes(secret), `${JSON.stringify(account)} ${judge()}`);
      }
  });
});
