/** What the page does with a board that does not say the truth about its keys. In Node: it needs no document. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { issueIssuing, issueRoot } from "../../certs/pki/issue.js";
import { pem } from "../../certs/pki/pem.js";
import { validFor } from "../../certs/pki/validity.js";
import { checkProfile } from "../../cli/profile/check.js";
import { ProvisioningClient } from "../../lib/provisioning/client.js";
import type { Request } from "../../lib/provisioning/messages.js";
import type { Given } from "../../web/profile/given.js";
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

/** @param lie changes an answer of the board's */
async function provisioned(
  lie: (request: Request, answer: Record<string, Uint8Array>) => void,
): Promise<{ board: MachineBoard; result: Provisioned }> {
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
  try {
    const asked = { profile, profileName: "p.json", atProvisioning, epoch: 0, given: await filesOfCa() };
    return { board, result: await provisionBoard({ client: lying } as unknown as Line, asked, () => {}) };
  } finally {
    client.lost();
    board.close();
  }
}

test("an honest board is provisioned", async () => {
  const { board, result } = await provisioned(() => {});
  assert.equal(result.file.id, "vole-1");
  assert.ok(board.store.keys().includes("record"));
});

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

for (const [name, problem, lie] of lies) test(name, () => assert.rejects(provisioned(lie), problem));
