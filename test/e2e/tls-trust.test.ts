/** What provisioning says about whom to trust and who the device is, and what the log tells when it does not fit. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pem } from "../../certs/pki/pem.js";
import type { Disturbance, Memories } from "../../host-sim/disturbance.js";
import { terminalReporter } from "../../host-sim/report/terminal.js";
import type { FlashEntry } from "../../lib/store/flash-entries.js";
import { Gate } from "./gate.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { only } from "./run.js";
import { type ServerCertificate, TlsMosquitto } from "./tls-mosquitto.js";
import { type Identity, Pki, type TlsRun, tlsRun } from "./tls-scene.js";

const skip = mosquittoMissing() ?? false;
const dates = [new Date("2025-01-01"), new Date("2044-12-31")] as const;
const spare = (byte: number) => `sha256/${Buffer.alloc(32, byte).toString("base64")}`;

describe("provisioned trust", { skip }, () => {
  let pki: Pki;
  let strangers: Pki;
  let nobody: Identity;
  let next: ServerCertificate;
  let broker: TlsMosquitto<"first" | "next" | "certificate" | "psk">;
  let gate: Gate;
  let port: number;
  /** What every run of this file printed, and what must not be in it. */
  let printed = "";
  const secrets = new Map<string, Uint8Array>();
  const keep = (secret: Uint8Array | null | undefined) => secret && secrets.set(hex(secret), secret);
  before(async () => {
    pki = await Pki.create();
    strangers = await Pki.create("Strangers");
    nobody = await pki.identity("none");
    next = await pki.server(...dates);
    broker = new TlsMosquitto({ first: pki, next, certificate: pki.asking, psk: pki.presharing });
    await broker.start();
    gate = new Gate(broker.ports.first);
    port = await gate.start();
  });
  after(async () => {
    await gate.stop();
    await broker.stop();
    strangers.remove();
    pki.remove();
  });

  async function go(
    cycles: number,
    listener: keyof typeof broker.ports,
    more: Partial<TlsRun> & { disturbance?: Disturbance } = {},
  ) {
    gate.target = broker.ports[listener];
    gate.hellos.length = 0;
    const identity = more.identity ?? nobody;
    const { key, psk } = identity.credentials;
    keep(key);
    keep(psk);
    const result = await tlsRun({
      cycles,
      port,
      openPort: broker.openPort,
      identity,
      ca: identity.settings.identity === "psk" ? null : pki.root,
      ...more,
      disturbance: {
        listenerPort: broker.openPort,
        listenerTls: null,
        ...more.disturbance,
        asleep: (wake, kept, end) => {
          const record = kept.flash.find((entry) => entry.key === "record")?.value as Uint8Array;
          keep(record.slice(16, 48));
          return more.disturbance?.asleep?.(wake, kept, end);
        },
      },
    });
    const terminal = terminalReporter({
      write: (text: string) => {
        printed += text;
        return true;
      },
    } as NodeJS.WriteStream);
    for (const event of result.events) {
      terminal.report(event);
      printed += `${JSON.stringify(event)}\n`;
    }
    printed += result.notes.join("\n");
    return result;
  }

  /**
   * The one thing that went wrong, and that no reading went out.
   * @param spoken the broker is trusted, and refuses after the device has begun to speak
   */
  function theFailure(
    { events, summary }: Awaited<ReturnType<typeof go>>,
    spoken = false,
  ): { kind: string; detail: string } {
    const errors = only(events, "error");
    assert.equal(errors.length, 1, JSON.stringify(errors));
    if (!spoken) assert.deepEqual(only(events, "sent"), []);
    assert.deepEqual([only(events, "acked").length, summary.verified], [0, 0]);
    return errors[0]!;
  }

  describe("a revoked certificate", () => {
    test("is refused, and one that is not on the list is not", async () => {
      const crl = pki.crl(next);
      const { kind, detail } = theFailure(await go(1, "next", { crl }));
      assert.deepEqual([kind, /revoked/.test(detail)], ["tls-revoked", true], detail);
      const other = await go(1, "first", { crl });
      assert.deepEqual([other.errors, other.summary.verified], [[], 1]);
    });

    test("is refused from the wake on at which the list is there, whatever session there was", async () => {
      const crl = pki.crl(next);
      const { errors, handshakes } = await go(3, "next", {
        disturbance: {
          asleep: (wake, { flash }) => {
            const [{ domain }] = flash as [Memories["flash"][number]];
            return wake === 2
              ? { flash: [...flash, { domain, key: "crl", type: "buffer", value: crl }] }
              : undefined;
          },
        },
      });
      assert.deepEqual(errors, ["3 tls-revoked"]);
      assert.deepEqual(handshakes, ["1 full", "2 resumed"]);
    });
  });

  describe("pins", () => {
    for (const ca of [true, false])
      test(`${ca ? "beside a CA" : "alone"}: one of them is enough, none is not, and the log shows what came`, async () => {
        const trust = { ca: ca ? pki.root : null };
        const first = pki.pin(pki);
        const fine = await go(2, "first", { ...trust, tls: { pins: [spare(1), first] } });
        assert.deepEqual([fine.errors, fine.handshakes], [[], ["1 full", "2 resumed"]]);
        const { kind, detail } = theFailure(
          await go(1, "next", { ...trust, tls: { pins: [spare(1), first] } }),
        );
        assert.equal(kind, "tls-pin-mismatch");
        assert.ok(detail.includes(pki.pin(next)), detail);
      });

    test("a broker that is not the one that gave the session is met once, not twice", async () => {
      const { errors, handshakes } = await go(3, "first", {
        tls: { pins: [spare(1), pki.pin(pki)] },
        disturbance: {
          asleep: (wake) => {
            gate.target = wake === 1 ? broker.ports.next : broker.ports.first;
            return undefined;
          },
        },
      });
      assert.deepEqual(errors, ["2 tls-pin-mismatch"]);
      assert.deepEqual(handshakes, ["1 full", "3 full"]);
      assert.equal(gate.hellos.length, 3);
    });

    test("rotate: the broker goes over to the key in reserve, and no reading is lost", async () => {
      const { errors, handshakes, summary } = await go(4, "first", {
        tls: { pins: [pki.pin(pki), pki.pin(next)] },
        disturbance: {
          asleep: (wake) => {
            if (wake === 2) gate.target = broker.ports.next;
            return undefined;
          },
        },
      });
      assert.deepEqual(errors, []);
      assert.deepEqual(handshakes, ["1 full", "2 resumed", "3 full", "4 resumed"]);
      assert.equal(summary.verified, 4);
    });
  });

  describe("what does not fit is named", () => {
    test("another CA", async () => {
      const { kind } = theFailure(await go(1, "first", { ca: strangers.root }));
      assert.equal(kind, "tls-untrusted");
    });

    test("another name, with the names that came", async () => {
      const network: Disturbance["network"] = (quiet) => ({
        ...quiet,
        names: new Map([["other.example", "127.0.0.1"]]),
      });
      const provisioned: Disturbance["provisioned"] = ({ profile, ...rest }) => ({
        profile: { ...profile, broker: { ...profile.broker, host: "other.example" } },
        ...rest,
      });
      const { kind, detail } = theFailure(await go(1, "first", { disturbance: { network, provisioned } }));
      assert.equal(kind, "tls-name");
      assert.match(detail, /localhost, 127\.0\.0\.1/);
    });

    test("a broker that asks for a certificate, and gets none or a stranger's", async () => {
      for (const identity of [nobody, await strangers.identity("P-256")]) {
        const { kind } = theFailure(await go(1, "certificate", { identity }), true);
        assert.equal(kind, "tls-client-auth-refused");
      }
      const fine = await go(1, "certificate", { identity: await pki.identity("P-256") });
      assert.deepEqual([fine.errors, fine.summary.verified], [[], 1]);
    });

    test("another PSK, an unknown identity, and a broker with certificates", async () => {
      const right = await pki.identity("PSK");
      const wrong: [Identity, "psk" | "first"][] = [
        [await strangers.identity("PSK"), "psk"],
        [{ ...right, settings: { identity: "psk", pskIdentity: "dormouse-2" } }, "psk"],
        [right, "first"],
      ];
      for (const [identity, listener] of wrong) {
        const { kind } = theFailure(await go(1, listener, { identity }));
        assert.equal(kind, "tls-psk-refused");
      }
      const fine = await go(1, "psk", { identity: right });
      assert.deepEqual([fine.errors, fine.summary.verified], [[], 1]);
    });

    test("a CA that is lost beside pins is not made up for by them", async () => {
      const tls = { pins: [spare(1), pki.pin(pki)] };
      const flash = (written: FlashEntry[]) => written.filter(({ key }) => key !== "ca");
      const { kind } = theFailure(await go(1, "first", { tls, disturbance: { flash } }));
      assert.equal(kind, "tls-credentials");
      const fine = await go(1, "first", { tls });
      assert.deepEqual(fine.errors, []);
    });

    test("credentials in flash that cannot be used: nothing is connected to", async () => {
      const ecdsa = await pki.identity("P-256");
      const other = await strangers.identity("P-256");
      const psk = await pki.identity("PSK");
      const put = (key: string, value: Uint8Array) => (written: FlashEntry[]) =>
        written.map(
          (entry): FlashEntry =>
            entry.key === key ? { domain: entry.domain, key, type: "buffer", value } : entry,
        );
      const cases: [string, Identity, (written: FlashEntry[]) => FlashEntry[]][] = [
        ["CA", nobody, put("ca", pki.root.der.slice(0, 100))],
        ["key", ecdsa, put("tls-key", ecdsa.credentials.key!.slice(0, -1))],
        ["another's key", ecdsa, put("tls-key", other.credentials.key!)],
        ["certificate", ecdsa, put("tls-cert", new Uint8Array(10))],
        ["PSK", psk, put("tls-psk", new Uint8Array(15).fill(0x5a))],
        ["no CA", nobody, (written) => written.filter(({ key }) => key !== "ca")],
        ["no key", ecdsa, (written) => written.filter(({ key }) => key !== "tls-key")],
        ["no PSK", psk, (written) => written.filter(({ key }) => key !== "tls-psk")],
      ];
      for (const [what, identity, flash] of cases) {
        const listener = identity === psk ? "psk" : identity === ecdsa ? "certificate" : "first";
        const result = await go(2, listener, { identity, disturbance: { flash } });
        const kinds = only(result.events, "error").map(({ kind }) => kind);
        assert.deepEqual(kinds, ["tls-credentials", "tls-credentials"], what);
        assert.deepEqual(
          only(result.events, "sleep").map(({ wake }) => wake),
          [1, 2],
          what,
        );
        assert.equal(gate.hellos.length, 0, what);
      }
    });
  });

  test("nothing that was printed in all this holds a secret", () => {
    assert.ok(secrets.size > 10 && printed.length > 10_000);
    assert.deepEqual(leaks(printed), []);
    // The search finds what is there.
    for (const [name, bytes] of secrets)
      for (const form of [hex(bytes), Buffer.from(bytes).toString("base64"), pem("PRIVATE KEY", bytes)])
        assert.deepEqual(leaks(`${printed}${form}`), [name]);
  });

  /** Whose bytes are in a text: in hex, base64 at any offset, or as a list of numbers. */
  function leaks(text: string): string[] {
    const plain = text.replace(/[\s:,]/g, "").toLowerCase();
    const found = [...secrets].filter(([, bytes]) => {
      // Of a key's DER only the middle is secret: what is before tells the algorithm.
      const part = Buffer.from(bytes.length > 64 ? bytes.slice(36, 60) : bytes.slice(0, 24));
      const forms = [hex(part), [...part].join("")];
      for (const offset of [0, 1, 2]) forms.push(part.subarray(offset, offset + 21).toString("base64"));
      return forms.some((form) => plain.includes(form.toLowerCase()));
    });
    return found.map(([name]) => name);
  }
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
