/**
 * What the page does with a board that does not say the truth about its keys, and what is left when the board goes on
 * without having proved them. In Node: it needs no document.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Fleet } from "../../backend/fleet/fleet.js";
import { readProvisionedFile } from "../../backend/fleet/provisioned-file.js";
import { takeIn } from "../../backend/fleet/take-in.js";
import { issueIssuing, issueRoot } from "../../certs/pki/issue.js";
import { pem } from "../../certs/pki/pem.js";
import { validFor } from "../../certs/pki/validity.js";
import { checkProfile } from "../../cli/profile/check.js";
import { planOf } from "../../cli/provision/plan.js";
import { provisionBoard as provisionByCommand } from "../../cli/provision/provisioning.js";
import { ProvisioningClient } from "../../lib/provisioning/client.js";
import type { Request } from "../../lib/provisioning/messages.js";
import { type Given, readGiven } from "../../web/profile/given.js";
import { type Provisioned, provisionBoard } from "../../web/profile/session.js";
import type { Line } from "../../web/serial/line.js";
import { MachineBoard } from "../provisioning/machine-board.js";

const checked = checkProfile(
  JSON.stringify({
    schema: 1,
    device: { id: "vole-1" },
    wifi: { ssid: "burrow" },
    broker: { host: "b.example.org", tls: { ca: "file:ca.pem", certificate: "issued" } },
    topics: { protection: "sign" },
  }),
);

async function filesOfCa(): Promise<Given> {
  const validity = validFor(4000, Date.now());
  const root = await issueRoot("Test", validity);
  const issuing = await issueIssuing("Test", root, validity);
  const bytes = (text: string) => new TextEncoder().encode(text);
  return new Map([
    ["ca", bytes(pem("CERTIFICATE", root.certificate))],
    ["issuingCertificate", bytes(pem("CERTIFICATE", issuing.certificate))],
    ["issuingKey", bytes(pem("PRIVATE KEY", issuing.key))],
  ]);
}

interface Session {
  readonly board: MachineBoard;
  readonly client: ProvisioningClient;
  readonly given: Given;
  /** What the page was told to keep, and what the board had then. */
  readonly kept: { readonly unproved: Provisioned; readonly hadRecord: boolean }[];
  readonly result: Provisioned | undefined;
  readonly problem: unknown;
}

/**
 * @param lie changes an answer of the board's, or throws as if none had come
 * @param look while the board is still there
 */
async function provisioned(
  lie: (request: Request, answer: Record<string, Uint8Array>) => void,
  look: (session: Session) => void | Promise<void>,
): Promise<void> {
  assert.ok(checked.ok);
  const { profile, atProvisioning } = checked;
  const board = new MachineBoard({ networks: [] }, (bytes) => client.received(bytes.slice()));
  const client = new ProvisioningClient(
    {
      send: (bytes) => board.received(bytes),
      nowMs: () => performance.now(),
      after: (ms, wake) => {
        const timer = setTimeout(wake, ms);
        return () => clearTimeout(timer);
      },
    },
    1,
  );
  const lying = new Proxy(client, {
    get: (target, name) =>
      name === "request"
        ? async (request: Request) => {
            const answer = await target.request(request);
            lie(request, answer as unknown as Record<string, Uint8Array>);
            return answer;
          }
        : name === "hello"
          ? () => target.hello()
          : undefined,
  });
  const kept: Session["kept"] = [];
  try {
    const given = await filesOfCa();
    const asked = { profile, profileName: "p.json", atProvisioning, epoch: 0, given };
    const ended = await provisionBoard({ client: lying } as unknown as Line, asked, {
      tell: () => {},
      keep: (unproved) => kept.push({ unproved, hadRecord: board.store.keys().includes("record") }),
    }).then(
      (result) => ({ result, problem: undefined }),
      (problem: unknown) => ({ result: undefined, problem }),
    );
    await look({ board, client, given, kept, ...ended });
  } finally {
    client.lost();
    board.close();
  }
}

test("an honest board is provisioned; its file is there before the board has its record, and differs in its state", () =>
  provisioned(
    () => {},
    ({ board, kept, result }) => {
      assert.equal(result?.file.id, "vole-1");
      const record = board.store.readBytes("record")!;
      assert.ok(Buffer.from(record).toString("hex").includes(result.file.secret));
      assert.equal(kept.length, 1);
      const [{ unproved, hadRecord }] = kept as [Session["kept"][number]];
      assert.equal(hadRecord, false);
      assert.deepEqual(unproved, { ...result, file: { ...result.file, state: "unproved" } });
    },
  ));

const lies: readonly (readonly [name: string, problem: RegExp, lie: Parameters<typeof provisioned>[0]])[] = [
  [
    "a certificate is issued for no other key than the one that the board says is its own",
    /requests a certificate for another key/,
    (request, answer) => {
      if (request.kind === "generate" && request.key === "tls-key") answer.point![5]! ^= 1;
    },
  ],
  [
    "a request that was changed on the way gets no certificate",
    /request/,
    (request, answer) => {
      if (request.kind === "generate" && request.key === "tls-key") answer.csr![answer.csr!.length - 1]! ^= 1;
    },
  ],
  ...(["secret", "tls-key", "sign-key"] as const).map(
    (key) =>
      [
        `a board that cannot prove its ${key} is not called verified`,
        new RegExp(`does not have the ${key}`),
        (request: Request, answer: Record<string, Uint8Array>) => {
          if (request.kind === "prove" && request.key === key) answer.proof![3]! ^= 1;
        },
      ] as const,
  ),
];

for (const [name, expected, lie] of lies)
  test(name, () =>
    provisioned(lie, ({ problem, result }) => {
      assert.equal(result, undefined);
      assert.match((problem as Error).message, expected);
    }),
  );

test("a board that goes before its commit leaves no file", () =>
  provisioned(
    (request) => {
      if (request.kind === "write" && request.entry === "tls-cert") throw new Error("unplugged");
    },
    ({ kept, problem }) => {
      assert.match((problem as Error).message, /unplugged/);
      assert.deepEqual(kept, []);
    },
  ));

test("a board that goes behind its commit leaves a file, by which dormouse has it prove its keys", () =>
  provisioned(
    (request) => {
      if (request.kind === "prove") throw new Error("unplugged");
    },
    async ({ board, client, given, kept, problem }) => {
      assert.match((problem as Error).message, /unplugged/);
      assert.ok(checked.ok);
      const { profile, secrets, publicKeys } = await readGiven(checked.profile, given);
      const prepared = {
        ...planOf(profile, checked.atProvisioning, secrets, publicKeys),
        profile,
        path: "p.json",
      };
      const folder = mkdtempSync(join(tmpdir(), "dormouse-session-"));
      const fleet = new Fleet(folder);
      try {
        const { row } = await takeIn(fleet, readProvisionedFile(JSON.stringify(kept[0]!.unproved.file)));
        assert.equal(row.state, "pending");
        const there = { client, info: await client.hello(), close: async () => {} };
        const by = { fleet, certs: "", tell: () => {} };
        const { resumed, kid } = await provisionByCommand("port", there, prepared, by);
        assert.deepEqual([resumed, kid], [true, kept[0]!.unproved.kid]);
        assert.equal(fleet.register.find("vole-1", 0)!.state, "complete");
        assert.equal(board.restarts, 1);
      } finally {
        fleet.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  ));
