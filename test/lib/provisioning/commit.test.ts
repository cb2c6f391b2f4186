import type { Crypto } from "../../../lib/crypto/crypto.js";
import type { EntryName } from "../../../lib/provisioning/messages.js";
import type { Profile, TlsSettings } from "../../../lib/store/profile.js";
import { bytes as bytesEqual, equal, fromHex, ok, test } from "../../device/harness.js";
import {
  Bench,
  board,
  byPsk,
  ca,
  certificateOf,
  certified,
  certifiedPlan,
  granted,
  type Plan,
  profileBytes,
  provision,
  psk,
  pskPlan,
  refused,
  secret,
  stage,
  textBytes,
  writes,
} from "./bench.js";

/** A staged board, of which one thing is changed before the commit. */
function outcome(crypto: Crypto, plan: Plan, change: (bench: Bench) => void, p256 = true): string {
  const bench = new Bench(crypto, { board: { ...board, p256 } });
  stage(bench.ask, plan);
  change(bench);
  const before = [...bench.store.entries.keys()];
  const answer = bench.ask({ kind: "commit", epoch: 1 });
  if (answer.kind === "commit") return "committed";
  equal([...bench.store.entries.keys()], before, "nothing is written");
  equal(bench.machine.state, "staging");
  const { error, detail } = granted(answer, "error");
  ok(detail.length > 0 && detail.length <= 128, "a line of detail");
  return error;
}

function write(bench: Bench, entry: EntryName, bytes: Uint8Array): void {
  for (const part of writes(entry, bytes)) granted(bench.ask(part), "write");
}

function writeProfile(bench: Bench, profile: Profile): void {
  write(bench, "profile", profileBytes(profile));
}

const withTls = (profile: Profile, tls: Partial<TlsSettings>): Profile => ({
  ...profile,
  broker: { ...profile.broker, tls: { ...(profile.broker.tls as TlsSettings), ...tls } },
});

test("what is as the profile says is committed", ({ name, crypto }) => {
  equal(
    outcome(crypto, pskPlan, () => {}),
    "committed",
  );
  if (name === "noble") return;
  equal(
    outcome(crypto, certifiedPlan, () => {}),
    "committed",
  );
});

type Change = readonly [what: string, change: (bench: Bench) => void, error: string];

const pskChanges: Change[] = [
  ["no profile", ({ store }) => store.delete("profile"), "incomplete"],
  ["no PSK", ({ store }) => store.delete("tls-psk"), "incomplete"],
  ["a PSK of another length", ({ store }) => store.write("tls-psk", psk.slice(5)), "mismatch"],
  ["a profile that is none", (bench) => write(bench, "profile", textBytes("{}")), "bad-value"],
  ["a profile that is no JSON", (bench) => write(bench, "profile", textBytes("{")), "bad-value"],
  [
    "a setting that nobody knows",
    (bench) => writeProfile(bench, { ...byPsk, wifi: { ssid: "s", hidden: true } as never }),
    "bad-value",
  ],
  ["a CA beside a PSK", (bench) => write(bench, "ca", ca), "mismatch"],
  ["a certificate that nobody uses", (bench) => write(bench, "tls-cert", ca), "mismatch"],
  ["a key that nobody uses", (bench) => write(bench, "tls-key", psk), "mismatch"],
  ["a signing key that nobody uses", (bench) => write(bench, "sign-key", psk), "mismatch"],
  ["a password that nobody uses", (bench) => write(bench, "broker-password", psk), "mismatch"],
  ["a token's key that nobody uses", (bench) => write(bench, "jwt-key", psk), "mismatch"],
  ["a network beside the profile's", ({ store }) => store.write("wifi-ssid", "s"), "mismatch"],
  [
    "a profile that wants Improv's network, and there is none",
    (bench) => writeProfile(bench, { ...byPsk, wifi: { improv: true } }),
    "incomplete",
  ],
  [
    "a profile that wants a password",
    (bench) =>
      writeProfile(bench, { ...byPsk, broker: { ...byPsk.broker, username: "u", auth: "password" } }),
    "incomplete",
  ],
  [
    "an HS256 key that is too short",
    (bench) => {
      const jwt = { algorithm: "HS256", lifetimeSeconds: 60 } as const;
      writeProfile(bench, { ...byPsk, broker: { ...byPsk.broker, username: "u", auth: "jwt", jwt } });
      write(bench, "jwt-key", psk);
    },
    "mismatch",
  ],
  [
    "a recipient whose key is no point",
    (bench) => {
      const up = { protection: "sealTo", recipientKid: "k", recipientKey: notAPoint, sign: false } as const;
      writeProfile(bench, { ...byPsk, topics: { ...byPsk.topics, up } });
    },
    "bad-value",
  ],
  [
    "an operator whose key is no point",
    (bench) => {
      const commands = {
        protection: "stamp",
        algorithm: "hmac-256",
        controllers: ["c"],
        operator: { kid: "k", key: notAPoint },
      } as const;
      writeProfile(bench, { ...byPsk, mqtt: { ...byPsk.mqtt, sessionExpirySeconds: 9 }, commands });
    },
    "bad-value",
  ],
];
/** 04 and 64 bytes of 1, as base64url. */
const notAPoint = `BAEBAQEB${"AQEB".repeat(20)}`.slice(0, 87);

test("a profile without certificates: each thing that is missing, too much or wrong", ({ crypto }) => {
  for (const [what, change, error] of pskChanges) equal(outcome(crypto, pskPlan, change), error, what);
});

const another = fromHex(
  `3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420${"07".repeat(32)}`,
);
const beyond = fromHex(
  `3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420${"ff".repeat(32)}`,
);

const certifiedChanges: Change[] = [
  ["no certificate", ({ store }) => store.delete("tls-cert"), "incomplete"],
  ["no key", ({ store }) => store.delete("tls-key"), "incomplete"],
  ["no signing key", ({ store }) => store.delete("sign-key"), "incomplete"],
  ["no CA", ({ store }) => store.delete("ca"), "incomplete"],
  ["another key than the certificate's", (bench) => write(bench, "tls-key", another), "mismatch"],
  [
    "a key made anew behind the certificate",
    ({ ask }) => granted(ask({ kind: "generate", key: "tls-key", subject: "dm-7" }), "generate"),
    "mismatch",
  ],
  ["a certificate of another key", (bench) => write(bench, "tls-cert", ca), "mismatch"],
  ["a certificate that is none", (bench) => write(bench, "tls-cert", ca.slice(1)), "bad-value"],
  ["a certificate that is cut short", (bench) => write(bench, "tls-cert", ca.slice(0, -1)), "bad-value"],
  ["a key that is none", (bench) => write(bench, "tls-key", another.subarray(1)), "bad-value"],
  ["a key beyond the curve's order", (bench) => write(bench, "tls-key", beyond), "bad-value"],
  ["a signing key that is none", (bench) => write(bench, "sign-key", psk), "bad-value"],
  ["a signing key beyond the order", (bench) => write(bench, "sign-key", beyond), "bad-value"],
  ["a CA that is no certificate", (bench) => write(bench, "ca", another), "bad-value"],
  ["a PSK beside a certificate", (bench) => write(bench, "tls-psk", psk), "mismatch"],
  [
    "a profile that does not know of its CA",
    (bench) => {
      const pins = [1, 2].map((digit) => `sha256/${String(digit).repeat(42)}0=`);
      const { ca: _, ...tls } = certified.broker.tls as TlsSettings;
      writeProfile(bench, { ...certified, broker: { ...certified.broker, tls: { ...tls, pins } } });
    },
    "mismatch",
  ],
  [
    "a CRL that the profile does not know of",
    (bench) => write(bench, "crl", Uint8Array.of(0x30, 0)),
    "mismatch",
  ],
  [
    "a profile that knows of a CRL, and there is none",
    (bench) => writeProfile(bench, withTls(certified, { crl: true })),
    "incomplete",
  ],
  [
    "a CRL that is no DER",
    (bench) => {
      writeProfile(bench, withTls(certified, { crl: true }));
      write(bench, "crl", Uint8Array.of(0x30, 0, 0));
    },
    "bad-value",
  ],
  [
    "a profile that wants a token's key, ES256",
    (bench) => {
      const jwt = { algorithm: "ES256", lifetimeSeconds: 60 } as const;
      writeProfile(bench, { ...certified, broker: { ...certified.broker, username: "u", auth: "jwt", jwt } });
      write(bench, "jwt-key", beyond);
    },
    "bad-value",
  ],
];

test("a certificate and a signing key: each thing that is missing, too much or wrong", ({ name, crypto }) => {
  if (name === "noble") return;
  for (const [what, change, error] of certifiedChanges)
    equal(outcome(crypto, certifiedPlan, change), error, what);
  const crl = (bench: Bench) => {
    writeProfile(bench, withTls(certified, { crl: true }));
    write(bench, "crl", Uint8Array.of(0x30, 0));
  };
  equal(outcome(crypto, certifiedPlan, crl), "committed", "a CRL");
  const own = (bench: Bench) => {
    write(bench, "tls-key", another);
    const key = crypto.importAgreementKey(another);
    write(bench, "tls-cert", pemChain(certificateOf(crypto.agreementPoint(key)), ca));
    key.close();
    write(bench, "sign-key", another);
  };
  equal(outcome(crypto, certifiedPlan, own), "committed", "keys that were made elsewhere, a chain in PEM");
});

function pemChain(...certificates: Uint8Array[]): Uint8Array {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let text = "";
  for (const der of certificates) {
    let body = "";
    for (let i = 0; i < der.length; i += 3) {
      const bits = (der[i]! << 16) | ((der[i + 1] ?? 0) << 8) | (der[i + 2] ?? 0);
      for (let k = 0; k < 4; k++) body += i + k > der.length ? "=" : digits[(bits >> (18 - 6 * k)) & 63];
      if (i % 48 === 45) body += "\n";
    }
    text += `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
  }
  return textBytes(text);
}

test("where there is no P-256 nothing is committed that needs it", ({ name, crypto }) => {
  equal(
    outcome(crypto, pskPlan, () => {}, false),
    "committed",
  );
  const bench = new Bench(crypto, { board: { ...board, p256: false } });
  granted(bench.ask({ kind: "begin", keepWifi: false }), "begin");
  equal(refused(bench.ask({ kind: "generate", key: "tls-key", subject: "d" })), "no-p256");
  equal(bench.store.log, []);
  const signed = (also: (bench: Bench) => void) => (bench: Bench) => {
    writeProfile(bench, { ...byPsk, topics: { ...byPsk.topics, up: { protection: "sign" } } });
    also(bench);
  };
  equal(
    outcome(
      crypto,
      pskPlan,
      signed((on) => write(on, "sign-key", another)),
      false,
    ),
    "no-p256",
  );
  const jwt = { algorithm: "ES256", lifetimeSeconds: 60 } as const;
  const withToken = (on: Bench) => {
    writeProfile(on, { ...byPsk, broker: { ...byPsk.broker, username: "u", auth: "jwt", jwt } });
    write(on, "jwt-key", another);
  };
  equal(outcome(crypto, pskPlan, withToken, false), "no-p256");
  if (name === "noble") return;
  const identified = (on: Bench) => {
    on.store.delete("tls-psk");
    const { pskIdentity: _, ...tls } = byPsk.broker.tls as TlsSettings;
    const secure = { ...tls, identity: "certificate", ca: true } as const;
    writeProfile(on, { ...byPsk, broker: { ...byPsk.broker, tls: secure } });
    write(on, "ca", ca);
    write(on, "tls-cert", ca);
    write(on, "tls-key", another);
  };
  equal(outcome(crypto, pskPlan, identified, false), "no-p256");
});

test("the record says what was committed, under counters that were never used", ({ crypto }) => {
  for (const epoch of [0, 5, 0xffff_ffff]) {
    const bench = new Bench(crypto);
    equal(provision(bench.ask, { ...pskPlan, epoch }).epoch, epoch);
    const record = bench.store.readBytes("record")!;
    equal(record.length, 52);
    equal(new DataView(record.buffer).getUint32(4), epoch);
    bytesEqual(record.subarray(8, 14), "000000000000");
    equal(record[3], 0, "not of a factory image");
    equal(record.slice(16, 48), secret);
  }
});

test("a record that flash does not keep is no commit, and nothing of it is left", ({ crypto }) => {
  const bench = new Bench(crypto);
  stage(bench.ask, pskPlan);
  bench.store.deaf = ["record"];
  equal(refused(bench.ask({ kind: "commit", epoch: 1 })), "storage-failed");
  equal(bench.machine.state, "staging");
  bench.store.deaf = [];
  bench.store.torn = ["record"];
  equal(refused(bench.ask({ kind: "commit", epoch: 1 })), "storage-failed");
  equal(bench.store.entries.has("record"), false);
  bench.store.torn = [];
  granted(bench.ask({ kind: "commit", epoch: 1 }), "commit");
});

test("a board does not take a secret and epoch again that it had", ({ crypto }) => {
  const bench = new Bench(crypto);
  const again = (epoch: number, other = secret) => {
    stage(bench.ask, { ...pskPlan, entries: [["secret", other], ...pskPlan.entries.slice(1)] });
    return bench.ask({ kind: "commit", epoch });
  };
  const erased = () => {
    bench.unlock();
    equal(bench.machine.state, "unprovisioned");
  };
  granted(again(3), "commit");
  erased();
  equal(refused(again(3)), "bad-value");
  granted(again(4), "commit");
  erased();
  const next = secret.slice().fill(9);
  granted(again(3, next), "commit");
  erased();
  for (const epoch of [3, 4]) equal(refused(again(epoch)), "bad-value");
  equal(refused(again(3, next)), "bad-value");
  granted(again(5), "commit");
});
