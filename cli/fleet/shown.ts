/** What `dormouse fleet` shows of a device: the register's row, which holds no secret. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { pointPem } from "../../backend/fleet/device-entries.js";
import type { DeviceRow } from "../../backend/fleet/register.js";
import { printableLine } from "../mqtt/printable.js";
import { day, table } from "../table.js";

const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/** As `--json` gives it. */
export function jsonOf(row: DeviceRow): object {
  const { id, epoch, state, origin, kid, mac, board, firmware, profile, certificate, signPoint } = row;
  return {
    id,
    epoch,
    state,
    origin,
    kid,
    mac,
    board,
    firmware,
    profile,
    certificate: certificate && {
      serial: certificate.serial,
      fingerprint: certificate.fingerprint,
      notAfter: time(certificate.notAfterMs),
      revoked: time(row.revokedMs),
    },
    signKey: signPoint === null ? null : { sha256: pointHash(signPoint), publicKey: pemOf(signPoint) },
    begun: time(row.begunMs),
    completed: time(row.completedMs),
    erased: time(row.erasedMs),
  };
}

export function listOf(rows: readonly DeviceRow[]): string {
  const headings = ["DEVICE", "EPOCH", "STATE", "BOARD", "MAC", "SINCE", "CERTIFICATE UNTIL"];
  const cells = rows.map((row) => [
    row.id,
    `${row.epoch}`,
    stateOf(row),
    row.board,
    row.mac,
    day(sinceMs(row)),
    certificateState(row),
  ]);
  return table([headings, ...cells.map((row) => row.map(printableLine))]);
}

/** Everything of one row, a line each. */
export function linesOf(row: DeviceRow): string[] {
  const { certificate, signPoint } = row;
  const lines: [string, string | undefined][] = [
    ["device", row.id],
    ["epoch", `${row.epoch}`],
    ["state", `${stateOf(row)} since ${time(sinceMs(row))}`],
    ["kid", row.origin === "image" ? undefined : row.kid],
    ["mac", row.mac],
    ["board", row.board],
    ["firmware", row.firmware],
    ["profile", row.profile],
    ["certificate", certificate ? `serial ${certificate.serial}, until ${certificateState(row)}` : undefined],
    ["", certificate ? `SHA-256 ${certificate.fingerprint}` : undefined],
    ["signs with", signPoint === null ? undefined : `SHA-256 ${pointHash(signPoint)}`],
  ];
  const shown = lines.flatMap(([name, value]) =>
    value ? [`${name.padEnd(12)} ${printableLine(value)}`] : [],
  );
  return signPoint === null ? shown : [...shown, ...pemOf(signPoint).trimEnd().split("\n")];
}

function stateOf({ state, origin }: DeviceRow): string {
  return origin === "image" && state === "complete" ? "image" : state;
}

function sinceMs({ erasedMs, completedMs, begunMs }: DeviceRow): number {
  return erasedMs ?? completedMs ?? begunMs;
}

function certificateState({ certificate, revokedMs }: DeviceRow): string {
  if (!certificate) return "";
  return revokedMs === null ? day(certificate.notAfterMs) : `revoked ${day(revokedMs)}`;
}

const pointBytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const pemOf = (hex: string) => pointPem(pointBytes(hex));
const pointHash = (hex: string) => createHash("sha256").update(pointBytes(hex)).digest("hex");
