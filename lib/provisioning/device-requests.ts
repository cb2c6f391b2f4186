/**
 * What the device does about each request: what may be done in which state, and in which order flash is written. The device
 * record comes last, in one write, when everything else has been looked at: it is the commit. It owns the state, and what
 * is staged.
 */
import { p256Point } from "../crypto/certificate-key.js";
import { certificateRequest } from "../crypto/certificate-request.js";
import type { Key } from "../crypto/crypto.js";
import { generateP256 } from "../crypto/p256-generate.js";
import { encodeDeviceRecord, readReservation } from "../store/device-record.js";
import { flashKeys } from "../store/flash-entries.js";
import { checkStaged } from "./commit-checks.js";
import { readIdentity } from "./device-identity.js";
import type { DeviceOptions, ProvisioningStore } from "./device-shell.js";
import { eraseAll } from "./erase.js";
import { wasUsed } from "./former-secrets.js";
import type { Answer, BoardState, Info, Request } from "./messages.js";
import { protocolVersion } from "./messages.js";
import { Prover } from "./prover.js";
import { Refusal, refusal } from "./refusal.js";
import { Staging, writeAndCheck } from "./staging.js";

export class DeviceRequests {
  private readonly options: DeviceOptions;
  private readonly prover: Prover;
  private locked: boolean;
  private staging: Staging | undefined;

  constructor(options: DeviceOptions) {
    this.options = options;
    this.prover = new Prover(options.crypto, options.store);
    this.locked = hasRecord(options.store);
  }

  get state(): BoardState {
    if (this.locked) return "locked";
    return this.staging ? "staging" : "unprovisioned";
  }

  /** Whether nothing may be changed. */
  get closed(): boolean {
    return this.locked || this.options.mode === "read-only";
  }

  /** What is staged is zeroed. */
  close(): void {
    this.staging?.close();
    this.staging = undefined;
  }

  /** @param ssid of the network that Improv has set */
  perform(request: Request, ssid: string | undefined, nowMs: number): Answer {
    try {
      const answer = this.answer(request, ssid, nowMs);
      return answer instanceof Refusal ? { kind: "error", ...answer } : answer;
    } catch {
      return { kind: "error", error: "storage-failed", detail: "flash does not work" };
    }
  }

  private answer(request: Request, ssid: string | undefined, nowMs: number): Answer | Refusal {
    switch (request.kind) {
      case "hello":
        return { kind: "hello", info: this.info(ssid) };
      case "prove": {
        const proof = this.prover.prove(request, nowMs);
        return proof instanceof Refusal ? proof : { kind: "prove", ...proof };
      }
      case "restart":
        return { kind: "restart" };
    }
    if (this.closed)
      return refusal("locked", "the board is provisioned: a person must unlock it, which erases it");
    switch (request.kind) {
      case "begin":
        return this.begin(request.keepWifi);
      case "erase":
        return this.erase(false) ?? { kind: "erase" };
    }
    const { staging } = this;
    if (!staging) return refusal("not-begun", "the first request is begin");
    switch (request.kind) {
      case "generate":
        staging.drop();
        return this.generate(request);
      case "write": {
        const received = staging.write(request);
        return received instanceof Refusal ? received : { kind: "write", received };
      }
      case "commit":
        return this.commit(staging, request.epoch);
    }
  }

  private info(ssid: string | undefined): Info {
    const { crypto, store, board } = this.options;
    const { firmware, mac, button, p256 } = board;
    const device = this.locked ? readIdentity(crypto, store) : undefined;
    return {
      protocol: protocolVersion,
      state: this.state,
      board: board.board,
      firmware,
      mac,
      button,
      p256,
      ...(ssid !== undefined && { wifiSsid: ssid }),
      ...(device && { device }),
    };
  }

  /** Whatever was staged, or left behind, is gone first. */
  private begin(keepWifi: boolean): Answer | Refusal {
    const problem = this.erase(keepWifi);
    if (problem) return problem;
    this.staging = new Staging(this.options.store);
    return { kind: "begin" };
  }

  private erase(keepWifi: boolean): Refusal | undefined {
    this.close();
    return eraseAll(this.options.crypto, this.options.store, keepWifi)
      ? undefined
      : refusal("storage-failed", "flash does not forget everything");
  }

  private generate({ key, subject }: Extract<Request, { kind: "generate" }>): Answer | Refusal {
    const { crypto, store, board } = this.options;
    if (!board.p256) return refusal("no-p256", "this board's firmware has no P-256");
    if (subject === "" || subject.length > 64)
      return refusal("bad-value", "a subject has 1 to 64 characters");
    const made = generateP256(crypto);
    let handle: Key | undefined;
    try {
      if (!writeAndCheck(store, key, made)) return refusal("storage-failed", `flash does not keep ${key}`);
      const point = p256Point(crypto, made);
      handle = crypto.importSigningKey(made);
      return { kind: "generate", point, csr: certificateRequest(crypto, handle, point, subject) };
    } finally {
      handle?.close();
      made.fill(0);
    }
  }

  private commit(staging: Staging, epoch: number): Answer | Refusal {
    const { crypto, store, board } = this.options;
    staging.drop();
    const { secret } = staging;
    if (!secret) return refusal("incomplete", "the secret is missing");
    if (wasUsed(crypto, store, secret, epoch))
      return refusal(
        "bad-value",
        "the board had this secret and epoch before: its counters would begin anew",
      );
    const checked = checkStaged({ crypto, store, p256: board.p256 });
    if (checked instanceof Refusal) return checked;
    const record = encodeDeviceRecord(secret, { epoch, reservedEnd: 0, fromFactory: false });
    const kept = this.keep(record);
    record.fill(0);
    if (!kept) return refusal("storage-failed", "flash does not keep the device record");
    this.close();
    this.locked = true;
    const device = readIdentity(crypto, store);
    return device ? { kind: "commit", device } : refusal("storage-failed", "flash has lost the profile");
  }

  /** @returns whether it is there; else it is not, not even in part, as far as flash does what it is told */
  private keep(record: Uint8Array): boolean {
    const { store } = this.options;
    let kept = false;
    try {
      kept = writeAndCheck(store, flashKeys.record, record);
    } finally {
      if (!kept) store.delete(flashKeys.record);
    }
    return kept;
  }
}

/** Whatever else is wrong: where there is a record there is a secret. Flash that cannot be read may have one. */
function hasRecord(store: ProvisioningStore): boolean {
  try {
    return readReservation(store.readBytes(flashKeys.record)) !== undefined;
  } catch {
    return true;
  }
}
