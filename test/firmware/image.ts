/** The flash of a provisioned board, for tests of the firmware: plain TCP to a broker in this process. */
import assert from "node:assert/strict";
import { checkProfile } from "../../cli/profile/check.js";
import type { FlashEntry } from "../../host-sim/flash.js";
import { encodeDeviceRecord } from "../../lib/store/device-record.js";
import { flashEntries } from "../../lib/store/flash-entries.js";

export const network = { ssid: "burrow", password: "underground" };

export function provisionedFlash(
  brokerPort: number,
  intervalSeconds: number,
  { mode = "sleep", host = "127.0.0.1" } = {},
): FlashEntry[] {
  const written = {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi: { ssid: network.ssid, password: "env:PASSWORD" },
    broker: { host, port: brokerPort, tls: false, insecure: true },
    topics: { protection: "seal" },
    cycle: { mode, intervalSeconds, wakeBudgetSeconds: Math.min(30, intervalSeconds) },
  };
  const checked = checkProfile(JSON.stringify(written));
  assert.ok(checked.ok, JSON.stringify(checked));
  const secret = new Uint8Array(32).fill(0x5e);
  const record = encodeDeviceRecord(secret, { epoch: 0, reservedEnd: 0, fromFactory: false });
  const none = { brokerPassword: null, jwtKey: null, ca: null, crl: null, certificate: null, key: null };
  const rest = { ...none, psk: null, signKey: null, wifiPassword: network.password };
  return [...flashEntries(checked.profile, { record, ...rest })];
}
