/** Whom a device trusts, changed by command: pins, one after the other, and the list of what is revoked. */
import { deepEqual, equal, match } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connectAsync } from "mqtt";
import type { Memories } from "../../host-sim/disturbance.js";
import type { Running } from "../cli/mqtt-command.js";
import { endOf, operatorIn, Shell } from "./built-in-scene.js";
import { Gate } from "./gate.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { type ServerCertificate, TlsMosquitto } from "./tls-mosquitto.js";
import { deviceId, type Identity, Pki, type TlsRun, tlsRun } from "./tls-scene.js";

const dates = [new Date("2025-01-01"), new Date("2044-12-31")] as const;

describe("trust by command", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  let pki: Pki;
  let strangers: Pki;
  let nobody: Identity;
  let certificates: {
    a: ServerCertificate;
    b: ServerCertificate;
    c: ServerCertificate;
    d: ServerCertificate;
  };
  let broker: TlsMosquitto<"a" | "b" | "c" | "d">;
  let gate: Gate;
  let port: number;
  let operator: ReturnType<typeof operatorIn>;
  before(async () => {
    pki = await Pki.create();
    strangers = await Pki.create("Strangers");
    nobody = await pki.identity("none");
    const [b, c, d] = [await pki.server(...dates), await pki.server(...dates), await pki.server(...dates)];
    certificates = { a: pki, b, c, d };
    broker = new TlsMosquitto(certificates);
    await broker.start();
    gate = new Gate(broker.ports.a);
    port = await gate.start();
    operator = operatorIn(pki.folder);
  });
  after(async () => {
    await gate.stop();
    await broker.stop();
    strangers.remove();
    pki.remove();
  });

  type Pause = ((kept: Memories) => unknown) | undefined;

  /** A device that was provisioned so, and what happens while it sleeps after its first wake, its second … */
  async function go(cycles: number, given: Partial<TlsRun>, open: (shell: Shell) => readonly Pause[]) {
    const secret = randomBytes(32);
    const shell = new Shell(pki.folder, deviceId, secret, broker.openPort, operator.flags);
    const pauses = open(shell);
    return tlsRun({
      cycles,
      interval: "1m",
      port,
      openPort: broker.openPort,
      identity: nobody,
      ca: pki.issuing,
      deviceSecret: secret,
      edit: (profile) => ({
        ...profile,
        mqtt: { ...profile.mqtt, sessionExpirySeconds: 86_400 },
        commands: operator.settings,
      }),
      ...given,
      disturbance: {
        asleep: async (wake, kept) => (await pauses[wake - 1]?.(kept)) as Partial<Memories> | undefined,
      },
    });
  }

  const pin = (name: keyof typeof certificates) => pki.pin(certificates[name]);
  const use = (name: keyof typeof certificates) => {
    gate.target = broker.ports[name];
  };

  test("two pins are rotated one after the other, the first after a fail-over to the backup key; never the pin in use", async () => {
    const sent: Running[] = [];
    const send = async (shell: Shell, ...words: string[]) => void sent.push(await shell.send(...words));
    use("a");
    const { errors, handshakes } = await go(9, { tls: { pins: [pin("a"), pin("b")] } }, (shell) => [
      // The key of A is lost: the broker goes on with the backup's.
      () => {
        use("b");
        return send(shell, "pins", "1", pin("b"), pin("c"));
      },
      async () => {
        await Shell.again(sent[0]!);
      },
      // Over a connection that has shown B: B stays, A goes. Which it was a resumed session knows too.
      async () => {
        await send(shell, "pins", "1", pin("b"), pin("c"));
        await send(shell, "pins", "1", pin("a"), pin("c"));
        await send(shell, "pins", "1", pin("a"), pin("d"));
      },
      () => use("c"),
      // And over one that has shown C, B.
      () => send(shell, "pins", "2", pin("b"), pin("d")),
      () => use("d"),
      undefined,
      () => use("a"),
    ]);
    const ends = await Promise.all(sent.map(endOf));
    match(ends[0]!, /^1 .*refused: the broker has shown the old pin/);
    match(ends[1]!, /^1 .*refused: the broker has shown the old pin/);
    equal(ends[2], "0 done: 1");
    match(ends[3]!, /^1 .*refused: its pins have version 1 already/);
    equal(ends[4], "0 done: 2");
    deepEqual(errors, ["9 tls-pin-mismatch"], "the key that is gone is none of its pins");
    deepEqual(handshakes, [
      "1 full",
      "2 full",
      "3 resumed",
      "4 resumed",
      "5 full",
      "6 resumed",
      "7 full",
      "8 resumed",
    ]);
  });

  test("a list of revoked certificates is taken from its CA, newer than the one before, and no other", async () => {
    const sent: Running[] = [];
    const list = (name: string, der: Uint8Array) => {
      const path = join(pki.folder, name);
      writeFileSync(path, der);
      return path;
    };
    const issuing = list("issuing.pem", Buffer.from(pki.issuing.pem));
    const strangersIssuing = list("strangers.pem", Buffer.from(strangers.issuing.pem));
    const leaf = list("leaf.pem", Buffer.from(certificates.a.chainPem));
    const many = list("next.crl", pki.crl(certificates.b, 7));
    const older = list("older.crl", pki.crl(null, 5));
    const foreign = list("foreign.crl", strangers.crl(null, 9));
    const unnumbered = list("unnumbered.crl", pki.crl(null));
    const bent = pki.crl(null, 8);
    bent[bent.length - 1]! ^= 1;
    const wrong: readonly (readonly [words: string[], reason: RegExp])[] = [
      [["5", older, issuing], /refused: this device has list 6 already/],
      [["9", foreign, strangersIssuing], /refused: it is no list of this device's CA/],
      [["9", foreign, issuing], /refused: it is no list of this device's CA/],
      [["8", list("bent.crl", bent), issuing], /refused: it is no list of this device's CA/],
      [["7", many, leaf], /refused: it is no list of this device's CA/],
      [["7", many], /refused: it is no list of this device's CA/],
      [["7", unnumbered, issuing], /refused: the list has no number/],
      [["8", many, issuing], /refused: the list has number 7/],
    ];
    use("b");
    const { errors, handshakes } = await go(6, { ca: pki.root, crl: pki.crl(null, 6) }, (shell) => [
      async () => {
        for (const [words] of wrong) sent.push(await shell.send("crl", ...words));
      },
      async () => {
        for (const running of sent) await Shell.again(running);
      },
      async () => void sent.push(await shell.send("crl", "7", many, issuing)),
      undefined,
      () => use("a"),
    ]);
    const ends = await Promise.all(sent.map(endOf));
    for (const [i, [, reason]] of wrong.entries()) match(ends[i]!, reason);
    equal(ends.at(-1), "0 done: 7");
    deepEqual(errors, ["5 tls-revoked"], "the broker whose certificate is on it is refused, another is not");
    equal(handshakes.at(-1), "6 full");
  });

  test("a list as large as one may be goes in, in one TLS record", async () => {
    const serials = Array.from({ length: 81 }, () => `4${randomBytes(16).toString("hex").slice(1)}`);
    const large = join(pki.folder, "large.crl");
    const der = pki.largeCrl(serials, 11);
    equal(der.length > 2950 && der.length <= 3072, true, `${der.length} bytes`);
    writeFileSync(large, der);
    let sent: Running | undefined;
    use("a");
    const { errors, summary } = await go(4, { crl: pki.crl(null, 6) }, (shell) => [
      async () => {
        sent = await shell.send("crl", "11", large);
      },
      () => Shell.again(sent!),
    ]);
    equal(await endOf(sent!), "0 done: 11");
    deepEqual(errors, []);
    equal(summary.verified, summary.published);
  });

  test("as much rubbish of that size as anybody sends is left aside, and does not exhaust the board", async () => {
    use("a");
    const rubbish = Buffer.alloc(3700, 0xd1);
    const { errors, summary } = await go(3, { crl: pki.crl(null, 6) }, () => [
      async () => {
        const client = await connectAsync(`mqtt://127.0.0.1:${broker.openPort}`, { protocolVersion: 5 });
        for (let i = 0; i < 20; i++)
          await client.publishAsync(`sensors/${deviceId}/command`, rubbish, { qos: 1 });
        await client.endAsync();
      },
    ]);
    deepEqual(errors, []);
    equal(summary.verified, 3);
  });
});
