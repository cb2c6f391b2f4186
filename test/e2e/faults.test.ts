/** The firmware in a world that is against it: networks, power, time and certificates that fail. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createAuthority, createServer } from "../../certs/pki/authority.js";
import { developmentPki, embeddedBrokerName } from "../../certs/pki/development.js";
import { altName } from "../../certs/pki/names.js";
import { simOptions } from "../../cli/sim.js";
import { boardNames } from "../../host-sim/board.js";
import type { BootCause, MemoryFault } from "../../host-sim/device.js";
import type { Disturbance, Provisioned } from "../../host-sim/disturbance.js";
import { build } from "../../host-sim/paths.js";
import { startBroker } from "../../host-sim/world/broker.js";
import type { World } from "../../host-sim/world/network.js";
import { only, run } from "./run.js";

describe("a network that fails ends in a named error and in sleep", () => {
  const faults: [what: string, kind: string, fault: (quiet: World) => World][] = [
    ["no access point", "network-unavailable", (quiet) => ({ ...quiet, accessPoints: [] })],
    [
      "another password",
      "network-unavailable",
      (quiet) => ({
        ...quiet,
        accessPoints: quiet.accessPoints.map((one) => ({ ...one, password: "other" })),
      }),
    ],
    [
      "no such name",
      "name-unresolved",
      (quiet) => ({ ...quiet, names: new Map([[embeddedBrokerName, ""]]) }),
    ],
  ];
  for (const [what, kind, fault] of faults)
    test(`${what}: the reading waits, and goes out when the network is back`, async () => {
      let broken = true;
      const { events, summary } = await run(
        { board: "esp32c3", cycles: "2" },
        (event) => {
          if (event.event === "sleep") broken = false;
        },
        { disturbance: { network: (quiet) => (broken ? fault(quiet) : quiet) } },
      );
      assert.deepEqual(
        only(events, "error").map((error) => [error.wake, error.kind]),
        [[1, kind]],
      );
      assert.deepEqual([summary.wakes, summary.published, summary.verified], [2, 1, 1]);
      const [received] = only(events, "received");
      assert.equal(received?.reading?.length, 4, "both wakes' readings in one message");
    });

  test("no time server: the certificate is judged at the floor, the reading goes out dated from now", async () => {
    const network = (quiet: World) => ({ ...quiet, timeServers: false });
    const { events, summary } = await run({ board: "esp32c3", cycles: "2" }, undefined, {
      disturbance: { network },
    });
    assert.deepEqual(
      only(events, "error").map((error) => [error.wake, error.kind]),
      [
        [1, "clock-unknown"],
        [2, "clock-unknown"],
      ],
    );
    assert.equal(summary.verified, 2);
    for (const { reading } of only(events, "received"))
      assert.ok(
        reading?.every(({ time = 0 }) => time <= 0 && time > -60),
        "relative to the reception",
      );
  });
});

describe("an outage", () => {
  for (const board of boardNames)
    for (const wakes of [1, 5, 30])
      test(`${board}: after ${wakes} wakes without network all readings are delivered, or counted as dropped`, async () => {
        const network = (quiet: World) => (down ? { ...quiet, accessPoints: [] } : quiet);
        let down = true;
        const { events, tally } = await run(
          { board, cycles: String(wakes + 4) },
          (event) => {
            if (event.event === "sleep" && event.wake === wakes) down = false;
          },
          { disturbance: { network } },
        );
        const kinds = new Set(only(events, "error").map(({ kind }) => kind));
        assert.deepEqual([...kinds], ["network-unavailable"]);
        assert.ok(tally.success);
        const names = only(events, "received").flatMap(({ reading }) => reading ?? []);
        const delivered = names.filter(({ name }) => name.endsWith(":temperature")).length;
        const dropped = only(events, "dropped").reduce((sum, { readings }) => sum + readings, 0);
        assert.equal(delivered + dropped, wakes + 4, `${delivered} delivered, ${dropped} dropped`);
      });
});

describe("power", () => {
  test("no counter meets two messages, whatever the board boots from", async () => {
    const causes: BootCause[] = [
      "power-on",
      "deep-sleep",
      "power-on",
      "deep-sleep",
      "brown-out",
      "watchdog",
      "deep-sleep",
      "power-on",
      "power-on",
    ];
    const { events, summary } = await run({ board: "esp32c3", cycles: `${causes.length}` }, undefined, {
      disturbance: { cause: (wake) => causes[wake - 1]! },
    });
    assert.deepEqual(only(events, "error"), []);
    const received = only(events, "received");
    assert.ok(received.every(({ verdict }) => verdict === "fresh"));
    // After a power loss counting goes on at the reservation's end; a watchdog's boot only tidies up.
    assert.deepEqual(
      received.map(({ counter }) => counter),
      [0, 1, 1024, 1025, 1026, 1027, 2048, 3072],
    );
    assert.equal(summary.rejected, 0);
  });
});

describe("memory", () => {
  const lost = "flash does not keep how many readings were lost: none is taken";
  const faults: [what: MemoryFault, since: "boot" | "queue", detail: RegExp, taken: number][] = [
    // Where flash cannot count what was lost, wake 3 takes no reading.
    ["rtc-lost", "boot", /^RTC memory does not keep/, 4],
    ["flash-lost", "boot", new RegExp(`^${lost}$`), 3],
    ["flash-full", "boot", new RegExp(`^${lost}$`), 3],
    ["flash-lost", "queue", /another reservation/, 4],
    ["flash-full", "queue", /flash full/, 4],
  ];
  for (const [fault, since, detail, taken] of faults)
    test(`${fault}, since the ${since}: nothing is sent that was not stored first, the next wake goes on, and all that was taken arrives`, async () => {
      const { events, summary } = await run({ board: "esp32c3", cycles: "4" }, undefined, {
        // Wake 3 boots without RTC memory, so that it needs a reservation of its own.
        disturbance: {
          cause: (wake) => (wake === 1 || wake === 3 ? "power-on" : "deep-sleep"),
          memory: (wake, asked) => (wake === 3 && (since === "boot" || asked) ? fault : "none"),
        },
      });
      const errors = only(events, "error");
      assert.ok(
        errors.length > 0 && errors.every(({ wake, kind }) => wake === 3 && kind === "storage-failed"),
      );
      assert.match(errors[0]!.detail, detail);
      assert.deepEqual(
        only(events, "sent").map(({ wake }) => wake),
        // What RTC memory does not keep goes to flash at the end of the wake, and out with the next.
        fault === "rtc-lost" ? [1, 2, 4, 4] : [1, 2, 4],
      );
      assert.equal(summary.rejected, 0);
      const received = only(events, "received").flatMap(({ reading }) => reading ?? []);
      assert.equal(received.filter(({ name }) => name.endsWith(":temperature")).length, taken);
      // What can have been lost with RTC memory is told, each time that it was.
      const gap = only(events, "gap").reduce((sum, { readings }) => sum + readings, 0);
      const told = received.filter(({ name }) => name.endsWith(":state.gap")).at(-1)?.value;
      assert.equal(told, gap);
    });

  test("rtc-lost after the reading was queued: the message that was not frozen is not sent", async () => {
    const { events } = await run({ board: "esp32c3", cycles: "3" }, undefined, {
      disturbance: { memory: (wake, asked) => (wake === 2 && asked === "sntp" ? "rtc-lost" : "none") },
    });
    assert.deepEqual(
      only(events, "error").map(({ wake, kind }) => [wake, kind]),
      // Its closing words cannot be stored either.
      [
        [2, "storage-failed"],
        [2, "storage-failed"],
      ],
    );
    assert.deepEqual(
      only(events, "sent").map(({ wake }) => wake),
      [1, 3],
    );
    assert.ok(only(events, "received").every(({ verdict }) => verdict === "fresh"));
    const sensed = only(events, "received").flatMap(({ reading }) => reading ?? []).length / 2;
    assert.equal(sensed, 3, "the reading of the second wake goes out with the third");
  });
});

describe("time", () => {
  for (const [what, timeErrorMs] of [
    ["far in the future", 60 * 365 * 86_400_000],
    ["in the past", -20 * 365 * 86_400_000],
  ] as const)
    test(`one forged answer ${what} does not stop the wakes after it`, async () => {
      let forged = true;
      const network = (quiet: World) => (forged ? { ...quiet, timeErrorMs } : quiet);
      const { events } = await run(
        { board: "esp32c3", cycles: "3" },
        (event) => {
          if (event.event === "sleep") forged = false;
        },
        { disturbance: { network } },
      );
      const late = only(events, "error").filter(({ wake }) => wake > 1);
      assert.deepEqual(late, []);
      const last = only(events, "received").at(-1);
      assert.equal(last?.wake, 3);
      const wake = only(events, "wake").at(-1)!;
      assert.ok(Math.abs(last.reading![0]!.time! - wake.at / 1000) < 5, "the time is right again");
    });
});

describe("a broker that the device must not trust gets nothing", () => {
  const cases: [what: string, kind: string, make: () => Promise<Disturbance>][] = [
    [
      "another CA",
      "tls-untrusted",
      async () => {
        const { rootDer } = await developmentPki(join(build, "development-pki-other"));
        return { provisioned: (right: Provisioned) => ({ ...right, ca: rootDer }) };
      },
    ],
    [
      "another name",
      "tls-name",
      async () => ({
        network: (quiet: World) => ({ ...quiet, names: new Map([["other.dormouse.test", "127.0.0.1"]]) }),
        provisioned: ({ profile, ...rest }: Provisioned) => ({
          profile: { ...profile, broker: { ...profile.broker, host: "other.dormouse.test" } },
          ...rest,
        }),
      }),
    ],
    [
      "TLS 1.2 where the profile wants 1.3",
      "tls-version",
      async () => ({
        brokerMaxVersion: "TLSv1.2" as const,
        provisioned: ({ profile, ...rest }: Provisioned) => {
          const { tls } = profile.broker;
          assert.ok(tls);
          return {
            profile: {
              ...profile,
              broker: { ...profile.broker, tls: { ...tls, minVersion: "1.3" as const } },
            },
            ...rest,
          };
        },
      }),
    ],
  ];
  for (const [what, kind, make] of cases)
    test(what, async () => {
      const { events } = await run({ board: "esp32c3", cycles: "1" }, undefined, {
        disturbance: await make(),
      });
      assert.deepEqual(
        only(events, "error").map((error) => error.kind),
        [kind],
      );
      assert.deepEqual(only(events, "sent"), []);
    });

  for (const [what, notAfter, kinds] of [
    [
      "a certificate that had expired when the firmware was made",
      "2026-01-01",
      ["clock-unknown", "tls-expired"],
    ],
    ["a certificate that was valid then", "2044-01-01", ["clock-unknown"]],
  ] as const)
    test(`without a clock: ${what}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "dormouse-dates-"));
      const validity = { notBefore: new Date("2025-01-01"), notAfter: new Date("2044-12-31") };
      const { root } = await createAuthority(folder, {
        name: "T",
        root: validity,
        issuing: validity,
        replace: false,
      });
      const { chain, key } = await createServer(folder, {
        names: [altName("localhost")],
        validity: { ...validity, notAfter: new Date(notAfter) },
        replace: false,
      });
      const pem = (path: string) => readFileSync(path, "utf8");
      const device = await startBroker({ tls: { chainPem: pem(chain), keyPem: pem(key) } });
      const good = await createServer(folder, {
        names: [altName("127.0.0.1"), altName("localhost")],
        validity,
        replace: true,
      });
      const listener = await startBroker({ tls: { chainPem: pem(good.chain), keyPem: pem(good.key) } });
      const flags = { board: "esp32c3", cycles: "1", broker: `mqtts://localhost:${device.port}`, ca: root };
      const { profile } = await simOptions(flags);
      const { events } = await run(flags, undefined, {
        profile: { ...profile, mqtt: { ...profile.mqtt, version: "3.1.1" } },
        disturbance: { listenerPort: listener.port, network: (quiet) => ({ ...quiet, timeServers: false }) },
      });
      await Promise.all([device.stop(), listener.stop()]);
      rmSync(folder, { recursive: true, force: true });
      assert.deepEqual(
        only(events, "error").map(({ kind }) => kind),
        kinds,
      );
      assert.equal(only(events, "acked").length, kinds.length === 1 ? 1 : 0);
    });

  test("TLS 1.2 where the profile allows it is fine", async () => {
    const disturbance: Disturbance = { brokerMaxVersion: "TLSv1.2" };
    const { tally, events } = await run({ board: "esp32c3", cycles: "1" }, undefined, { disturbance });
    assert.ok(tally.success);
    assert.match(only(events, "phase").find(({ name }) => name === "secure")?.detail ?? "", /^TLS 1\.2 /);
  });
});
