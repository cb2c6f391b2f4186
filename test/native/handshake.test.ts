/**
 * The device's TLS against servers of other makers: what must be accepted is, and each refusal stands beside an
 * acceptance that differs from it in one thing.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { engineFile } from "../../host-sim/engine-file.js";
import type { Attempt, Outcome } from "../device/tls-client.js";
import { type Run, runOnDevice } from "./on-device.js";
import { type Certificate, type KeyKind, TestCA } from "./pki.js";
import { gnutlsServer, opensslServer, type Server, type ServerMaker, serving } from "./servers.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-tls-"));
const now = Math.floor(Date.now() / 1000);
const day = 86_400;
let executable: string;
let ca: TestCA;
let otherCA: TestCA;
type Kind = Extract<KeyKind, "ecdsa" | "rsa">;
const certificates = {} as Record<Kind, Certificate>;

before(async () => {
  executable = await engineFile("release");
  ca = new TestCA(scratch);
  otherCA = new TestCA(scratch, "other");
  for (const kind of ["ecdsa", "rsa"] as const) certificates[kind] = ca.issue(kind, { kind });
});
after(() => rmSync(scratch, { recursive: true, force: true }));

function to(server: Server, more: Partial<Attempt> = {}): Attempt {
  return { port: server.port, hostName: "localhost", ca: ca.pem, atSeconds: now, ...more };
}

function run(attempts: readonly Attempt[], options?: Parameters<typeof runOnDevice>[3]): Promise<Run> {
  return runOnDevice(executable, scratch, attempts, options);
}

function refused(outcome: Outcome | undefined, kind: string, code?: number): void {
  assert.equal(outcome?.end, "failed", JSON.stringify(outcome));
  assert.equal(outcome.failure?.kind, kind, outcome.failure?.detail);
  assert.equal(outcome.secured, undefined, "it was secured all the same");
  if (code !== undefined) assert.equal(outcome.failure?.code, code, outcome.failure?.detail);
}

function accepted(outcome: Outcome | undefined): void {
  assert.equal(outcome?.end, "open", JSON.stringify(outcome));
}

const makers: readonly (readonly [string, ServerMaker, (line: string) => string])[] = [
  ["OpenSSL", opensslServer, (line) => [...line].reverse().join("")],
  ["GnuTLS", gnutlsServer, (line) => line],
];

for (const [maker, serve, answer] of makers)
  for (const version of ["1.3", "1.2"] as const)
    for (const kind of ["ecdsa", "rsa"] as const)
      test(`${maker}, TLS ${version}, ${kind}: handshake, data both ways, nothing left in memory`, async () => {
        await serving(serve(certificates[kind], version), async (server) => {
          const line = "the quick brown dormouse";
          const attempt = to(server, { send: `${line}\n`, expectBytes: line.length + 1 });
          const { outcomes, end } = await run([attempt, attempt]);
          for (const outcome of outcomes) {
            accepted(outcome);
            assert.equal(outcome.text, `${answer(line)}\n`);
            assert.equal(outcome.secured?.version, version);
            assert.equal(outcome.secured?.peer, "CN=localhost");
            const signature = version === "1.3" ? "TLS_AES" : `ECDHE_${kind.toUpperCase()}`;
            assert.match(outcome.secured?.cipherSuite ?? "", new RegExp(`${signature}.*(GCM|POLY1305)`));
          }
          assert.equal(end.tlsBytesLeaked, 0);
          assert.ok(
            end.heap.tlsBytesPeak > 8000 && end.heap.tlsBytesPeak < 19_000,
            `${end.heap.tlsBytesPeak}`,
          );
        });
      });

for (const version of ["1.3", "1.2"] as const) {
  test(`TLS ${version}: a certificate is refused for its CA, its name, its dates, one at a time`, async () => {
    await serving(opensslServer(certificates.ecdsa, version), async (server) => {
      const { outcomes, end } = await run([
        to(server),
        to(server, { ca: otherCA.pem }),
        to(server, { hostName: "LOCALHOST" }),
        to(server, { hostName: "localhost.example" }),
        to(server, { hostName: "127.0.0.1" }),
        to(server, { hostName: "127.0.0.2" }),
        to(server, { hostName: "::1" }),
        to(server, { atSeconds: now + 18 * day }),
        to(server, { atSeconds: now + 21 * day }),
        to(server, { atSeconds: now - 3 * day }),
        to(server, { ca: otherCA.pem, hostName: "localhost.example", atSeconds: now + 21 * day }),
        to(server),
      ]);
      accepted(outcomes[0]);
      refused(outcomes[1], "tls-untrusted", 0x08);
      accepted(outcomes[2]);
      refused(outcomes[3], "tls-name", 0x04);
      accepted(outcomes[4]);
      refused(outcomes[5], "tls-name", 0x04);
      refused(outcomes[6], "tls-name", 0x04);
      accepted(outcomes[7]);
      refused(outcomes[8], "tls-expired", 0x01);
      refused(outcomes[9], "tls-not-yet-valid", 0x200);
      refused(outcomes[10], "tls-untrusted", 0x0d);
      accepted(outcomes[11]);
      assert.equal(end.tlsBytesLeaked, 0);
    });
  });
}

test("each suite that is offered works", async () => {
  const suites: readonly (readonly [Kind, "1.2" | "1.3", string, string])[] = [
    ["ecdsa", "1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
    ["ecdsa", "1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
    ["ecdsa", "1.2", "ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"],
    ["ecdsa", "1.2", "ECDHE-ECDSA-AES128-CCM", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"],
    ["rsa", "1.2", "ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
    ["rsa", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
    ["rsa", "1.2", "ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"],
    ...["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"].map(
      (name) => ["ecdsa", "1.3", name, name] as const,
    ),
  ];
  for (const [kind, version, name, agreed] of suites) {
    const only = ["-rev", version === "1.2" ? "-cipher" : "-ciphersuites", name];
    await serving(opensslServer(certificates[kind], version, only), async (server) => {
      const { outcomes } = await run([to(server)]);
      accepted(outcomes[0]);
      assert.equal(outcomes[0]?.secured?.cipherSuite, agreed);
    });
  }
});

test("the versions asked for are the versions used", async () => {
  await serving(opensslServer(certificates.ecdsa, "1.2"), async (server) => {
    const { outcomes } = await run([to(server, { minVersion: "1.3" }), to(server, { maxVersion: "1.2" })]);
    refused(outcomes[0], "tls-version");
    accepted(outcomes[1]);
  });
  await serving(opensslServer(certificates.ecdsa, "1.3"), async (server) => {
    const { outcomes } = await run([to(server, { maxVersion: "1.2" }), to(server, { minVersion: "1.3" })]);
    refused(outcomes[0], "tls-version", 70);
    assert.match(outcomes[0]?.failure?.detail ?? "", /protocol_version/);
    accepted(outcomes[1]);
  });
});

test("ALPN: the server's choice is told, no common protocol is a failure", async () => {
  await serving(opensslServer(certificates.ecdsa, "1.3", ["-rev", "-alpn", "mqtt"]), async (server) => {
    const { outcomes } = await run([
      to(server, { alpn: ["x", "mqtt"] }),
      to(server),
      to(server, { alpn: ["x"] }),
    ]);
    assert.equal(outcomes[0]?.secured?.protocol, "mqtt");
    accepted(outcomes[1]);
    refused(outcomes[2], "tls-alpn", 120);
  });
});

test("the key log holds the secrets of the session", async () => {
  const keylog = join(scratch, "keys.log");
  for (const [version, label] of [
    ["1.3", "SERVER_TRAFFIC_SECRET_0"],
    ["1.2", "CLIENT_RANDOM"],
  ] as const)
    await serving(opensslServer(certificates.ecdsa, version), async (server) => {
      await run([to(server)], { keylog });
      assert.match(readFileSync(keylog, "utf8"), new RegExp(`^${label} [0-9a-f]{64} [0-9a-f]{64,96}$`, "m"));
    });
});

test("a wrong option or an unreadable CA throws, and leaves nothing in memory", async () => {
  await serving(opensslServer(certificates.ecdsa, "1.3"), async (server) => {
    const broken = ca.pem.replace(/^(MII.{20})./m, "$1!");
    const { outcomes, end } = await run([
      to(server, { ca: broken }),
      ...Array.from({ length: 12 }, () => to(server, { ca: `${ca.pem}${broken}` })),
      to(server, { hostName: "no spaces" }),
      to(server, { hostName: "300.1.1.1" }),
      to(server, { minVersion: "1.3", maxVersion: "1.2" }),
      to(server),
    ]);
    for (const outcome of outcomes.slice(0, -1)) {
      assert.equal(outcome.end, "threw");
      assert.match(outcome.error ?? "", /^RangeError/);
    }
    accepted(outcomes.at(-1));
    assert.equal(end.tlsBytesLeaked, 0);
    const alone = await run([to(server)]);
    const more = end.heap.tlsBytesPeak - alone.end.heap.tlsBytesPeak;
    assert.ok(more < 1000, `freed too late: ${more} bytes`);
  });
});
