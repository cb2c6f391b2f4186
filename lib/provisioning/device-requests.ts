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
import type { Profile } from "../store/profile.js";
import { checkStaged } from "./commit-checks.js";
import { identityOf, readIdentity } from "./device-identity.js";
import type { DeviceOptions, ProvisioningStore } from "./device-shell.js";
import { eraseAll } from "./erase.js";
import { wasUsed } from "./former-secrets.js";
import type { Answer, BoardState, DeviceIdentity, Info, Request } from "./messages.js";
import { protocolVersion } from "./messages.js";
import { Prover } from "./prover.js";
import { type Refusal, refusal } from "./refusal.js";
import { Staging, writeAndCheck } from "./staging.js";

export class DeviceRequests {
  private readonly options: DeviceOptions;
  private readonly prover: Prover;
  private locked: boolean;
  private staging: Staging | undefined;
  /** Of a locked board, once somebody has asked. */
  private identity: DeviceIdentity | undefined;

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

  /**
   * What reads a profile is called from here, because that goes deep.
   * @param ssid of the network that Improv has set
   */
  perform(request: Request, ssid: string | undefined, nowMs: number): Answer {
    const problem = this.stateProblem(request.kind);
    if (problem) return problem;
    const { crypto, store, board } = this.options;
    try {
      switch (request.kind) {
        case "hello":
          if (this.locked) this.identity ??= readIdentity(crypto, store);
          return { kind: "hello", info: this.info(ssid) };
        case "prove":
          if (this.locked) this.identity ??= readIdentity(crypto, store);
          return this.prover.prove(request, this.identity?.id, nowMs);
        case "begin":
          return this.begin(request.keepWifi);
        case "generate":
          return this.generate(request);
        case "write":
          return this.staging!.write(request);
        case "commit": {
          this.staging?.drop();
          // Nothing comes between this and the record.
          const checked = checkStaged({ crypto, store, p256: board.p256 });
          return "kind" in checked ? checked : this.commit(checked, request.epoch);
        }
        case "erase":
          return this.erase(false) ?? { kind: "erase" };
        case "restart":
          return { kind: "restart" };
      }
    } catch {
      return refusal("storage-failed", "flash does not work");
    }
  }

  /** Why it is not the time for it. */
  private stateProblem(kind: Request["kind"]): Refusal | undefined {
    if (kind === "hello" || kind === "prove" || kind === "restart") return undefined;
    if (this.closed)
      return refusal("locked", "the board is provisioned: a person must unlock it, which erases it");
    if (kind === "begin" || kind === "erase" || this.staging) return undefined;
    return refusal("not-begun", "the first request is begin");
  }

  private info(ssid: string | undefined): Info {
    const { board, firmware, mac, button, p256 } = this.options.board;
    return {
      protocol: protocolVersion,
      state: this.state,
      board,
      firmware,
      mac,
      button,
      p256,
      ...(ssid !== undefined && { wifiSsid: ssid }),
      ...(this.identity && { device: this.identity }),
    };
  }

  /** Whatever was staged, or left behind, is gone first. */
  private begin(keepWifi: boolean): Answer {
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

  private generate({ key, subject }: Extract<Request, { kind: "generate" }>): Answer {
    const { crypto, store, board } = this.options;
    if (!board.p256) return refusal("no-p256", "this board's firmware has no P-256");
    if (subject === "" || subject.length > 64)
      return refusal("bad-value", "a subject has 1 to 64 characters");
    this.staging?.drop();
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

  /** @param profile as it lies in flash, checked with all that belongs to it */
  private commit(profile: Profile, epoch: number): Answer {
    const { crypto, store } = this.options;
    const secret = this.staging?.secret;
    if (!secret) return refusal("incomplete", "the secret is missing");
    if (wasUsed(crypto, store, secret, epoch))
      return refusal(
        "bad-value",
        "the board had this secret and epoch before: its counters would begin anew",
      );
    const record = encodeDeviceRecord(secret, { epoch, reservedEnd: 0, fromFactory: false });
    const kept = this.keep(record);
    record.fill(0);
    if (!kept) return refusal("storage-failed", "flash does not keep the device record");
    this.close();
    this.locked = true;
    this.identity = identityOf(crypto, store, profile);
    return this.identity
      ? { kind: "commit", device: this.identity }
      : refusal("storage-failed", "flash has lost the device record");
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
