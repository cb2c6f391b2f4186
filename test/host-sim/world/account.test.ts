/** The embedded broker's judge: what it lets in, what one step away from that it does not, and the listener's way in. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { defaultTls } from "../../../cli/profile/check.js";
import { root } from "../../../host-sim/paths.js";
import { Account } from "../../../host-sim/world/account.js";
import type { Profile } from "../../../lib/store/profile.js";

const now = 1_800_000_000;
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const es256Key = privateKey.export({ type: "pkcs8", format: "der" });
const hs256Key = Buffer.from("k".repeat(32));
const deviceSecret = Uint8Array.from({ length: 32 }, (_, i) => i);

function account(broker: Partial<Profile["broker"]>, jwtKey: Uint8Array | null = null, at = now): Account {
  const profile: Profile = {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi: { ssid: "burrow" },
    time: { server: "t" },
    broker: { host: "h", port: 1, tls: defaultTls(), auth: "none", ...broker },
    mqtt: { version: "5", keepAliveSeconds: 60, sessionExpirySeconds: 0, pipelining: true },
    topics: {
      base: "b",
      readings: "b/r",
      format: "cbor",
      state: [],
      up: { protection: "stamp", algorithm: "hmac-256" },
    },
    cycle: {
      mode: "sleep",
      intervalSeconds: 900,
      wakeBudgetSeconds: 30,
      sendEvery: 1,
      backoffMaxSeconds: 3600,
    },
    sensor: { kind: "simulated" },
  };
  return new Account(profile, { brokerPassword: "acorn", jwtKey, deviceSecret, nowSeconds: () => at });
}

const login = (password: string | undefined, username: string | null = "u", clientId = "dormouse-1") => ({
  clientId,
  username: username ?? undefined,
  password: password === undefined ? undefined : Buffer.from(password),
});

test("without auth everybody is let in", () => {
  assert.ok(account({}).admits(login(undefined, null)));
  assert.equal(account({}).passwordFor("any"), undefined);
});

test("a password is taken with its user name, and with no other", () => {
  const stored = account({ username: "u", auth: "password" });
  assert.ok(stored.admits(login("acorn")));
  for (const wrong of [login("acorm"), login("acorn\0"), login("acor"), login(""), login(undefined)])
    assert.ok(!stored.admits(wrong), `${wrong.password}`);
  assert.ok(!stored.admits(login("acorn", "v")));
  assert.ok(!stored.admits(login("acorn", null)));
});

test("the derived password is that of the vectors", () => {
  const file = JSON.parse(readFileSync(join(root, "test/vectors/auth/broker-password.json"), "utf8"));
  const { secret, deviceId, epoch, password } = file.cases[0];
  assert.deepEqual([secret, deviceId, epoch], [Buffer.from(deviceSecret).toString("hex"), "dormouse-1", 0]);
  const derived = account({ username: "u", auth: "derived" });
  assert.equal(derived.passwordFor("any"), password);
  assert.ok(derived.admits(login(password)));
  assert.ok(!derived.admits(login(password.replace(/.$/, (last: string) => (last === "A" ? "B" : "A")))));
});

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

function token(
  algorithm: "HS256" | "ES256",
  claims: object,
  header: object = { alg: algorithm, typ: "JWT" },
  key: Uint8Array = hs256Key,
): string {
  const input = `${part(header)}.${part(claims)}`;
  const signature =
    algorithm === "HS256"
      ? createHmac("sha256", key).update(input).digest()
      : sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

const claims = { sub: "dormouse-1", iat: now, exp: now + 3600 };

for (const algorithm of ["HS256", "ES256"] as const) {
  const key = algorithm === "HS256" ? hs256Key : es256Key;
  const jwt = { algorithm, lifetimeSeconds: 3600 };
  const judge = account({ username: "u", auth: "jwt", jwt }, key);
  const other = algorithm === "HS256" ? "ES256" : "HS256";
  const right = token(algorithm, claims);
  const [header, payload, signature] = right.split(".") as [string, string, string];

  test(`${algorithm}: a token is taken from its own client, until it expires`, () => {
    assert.ok(judge.admits(login(right)));
    assert.ok(!judge.admits(login(right, "v")));
    assert.ok(!judge.admits(login(right, "u", "dormouse-2")));
    const at = (seconds: number) =>
      account({ username: "u", auth: "jwt", jwt }, key, seconds).admits(login(right));
    assert.deepEqual(
      [at(now + 3599), at(now + 3600), at(now - 60), at(now - 61)],
      [true, false, true, false],
    );
  });

  const wrong: [string, string][] = [
    ["nothing", ""],
    ["no signature", `${header}.${payload}.`],
    ["two parts", `${header}.${payload}`],
    ["four parts", `${right}.${signature}`],
    ["padding", `${right}=`],
    ["half a signature", `${header}.${payload}.${signature.slice(0, signature.length / 2)}`],
    ["another payload", `${header}.${part({ ...claims, exp: now + 3601 })}.${signature}`],
    ["another header", `${part({ typ: "JWT", alg: algorithm })}.${payload}.${signature}`],
    ["alg none", token(algorithm, claims, { alg: "none", typ: "JWT" })],
    ["the other alg", token(algorithm, claims, { alg: other, typ: "JWT" })],
    ["no typ", token(algorithm, claims, { alg: algorithm })],
    ["the other algorithm's signature", token(other, claims, { alg: algorithm, typ: "JWT" })],
    ["no exp", token(algorithm, { sub: "dormouse-1", iat: now })],
    ["no iat", token(algorithm, { sub: "dormouse-1", exp: now + 60 })],
    ["exp as text", token(algorithm, { ...claims, exp: `${now + 60}` })],
    ["a longer life", token(algorithm, { ...claims, exp: now + 3601 })],
    ["no subject", token(algorithm, { iat: now, exp: now + 60 })],
    ["another subject", token(algorithm, { ...claims, sub: "dormouse-2" })],
    ["an audience", token(algorithm, { ...claims, aud: "somebody" })],
    ["one claim more", token(algorithm, { ...claims, admin: true })],
  ];
  for (const [what, made] of wrong)
    test(`${algorithm}: a token with ${what} is refused`, () => assert.ok(!judge.admits(login(made))));

  test(`${algorithm}: a token is for the audience that the profile says`, () => {
    const certain = account({ username: "u", auth: "jwt", jwt: { ...jwt, audience: "mqtts://h" } }, key);
    assert.ok(certain.admits(login(token(algorithm, { ...claims, aud: "mqtts://h" }))));
    assert.ok(!certain.admits(login(right)));
  });

  test(`${algorithm}: the listener's token is its own`, () => {
    const made = judge.passwordFor("dormouse-listener-1");
    assert.ok(judge.admits(login(made, "u", "dormouse-listener-1")));
    assert.ok(!judge.admits(login(made)));
  });
}

test("HS256: another key's token is refused", () => {
  const judge = account(
    { username: "u", auth: "jwt", jwt: { algorithm: "HS256", lifetimeSeconds: 60 } },
    hs256Key,
  );
  const made = (key: Buffer) =>
    token("HS256", { ...claims, exp: now + 60 }, { alg: "HS256", typ: "JWT" }, key);
  assert.ok(judge.admits(login(made(hs256Key))));
  assert.ok(!judge.admits(login(made(Buffer.from("l".repeat(32))))));
});
