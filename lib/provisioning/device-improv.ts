/**
 * The device's side of Improv Wi-Fi Serial: what each command is answered with. One thing at a time: while the shell joins
 * or looks for networks, another such command is refused. The network is stored when it has been joined, its name last, so
 * that half of it is nothing.
 */
import { utf8Length } from "../cbor/utf8.js";
import { flashKeys } from "../store/flash-entries.js";
import type { BoardInfo, DeviceEffect, FoundNetwork, ProvisioningStore } from "./device-shell.js";
import {
  encodeImprovError,
  encodeImprovResult,
  encodeImprovState,
  type ImprovError,
  type ImprovPacket,
  improvCommands,
  improvErrors,
  improvStates,
  improvTypes,
  readImprovCommand,
} from "./improv.js";

/** What is done about a packet: bytes for the line, and what the shell is asked for. */
export type ImprovOutcome = Exclude<DeviceEffect, { type: "send" | "restart" }> | Uint8Array;

type Busy =
  | { readonly with: "join"; readonly ssid: string; readonly password: string; readonly untilMs: number }
  | { readonly with: "scan"; readonly untilMs: number };

/** A shell that has lost its answer does not block the next command. */
const joinWithinMs = 35_000;
const scanWithinMs = 20_000;
/** Of a scan, the strongest: what a page shows, and a board's memory holds. */
const maxNetworks = 16;
const maxSsidBytes = 32;

export class ImprovDevice {
  private readonly store: ProvisioningStore;
  private readonly board: BoardInfo;
  private busy: Busy | undefined;
  /** Of joins: what comes of one that was cancelled says nothing about the next. */
  private attempt = 0;

  constructor(store: ProvisioningStore, board: BoardInfo) {
    this.store = store;
    this.board = board;
  }

  /** When it gives up what it waits for. */
  get nextWakeAtMs(): number | undefined {
    return this.busy?.untilMs;
  }

  /** The network that Improv has set. */
  get ssid(): string | undefined {
    try {
      return this.store.readText(flashKeys.wifiSsid);
    } catch {
      return undefined;
    }
  }

  /** @param locked nothing may be changed, and nothing be looked for */
  take(packet: ImprovPacket, locked: boolean, nowMs: number): ImprovOutcome[] {
    if (packet.type !== improvTypes.command) return [];
    const asked = readImprovCommand(packet);
    if (typeof asked === "number") return [encodeImprovError(asked)];
    switch (asked.command) {
      case improvCommands.state:
        return this.stated(locked);
      case improvCommands.info: {
        const { firmware, board, mac } = this.board;
        const name = mac === "" ? "dormouse" : `dormouse-${mac.slice(-6)}`;
        return [encodeImprovResult(asked.command, ["Dormouse", firmware, board, name])];
      }
      default:
        if (locked) return [encodeImprovError(improvErrors.notAuthorized)];
        if (this.busy) return [encodeImprovError(improvErrors.unknown)];
        if (asked.command === improvCommands.wifi) return this.join(asked.ssid, asked.password, nowMs);
        this.busy = { with: "scan", untilMs: nowMs + scanWithinMs };
        return [{ type: "scan" }];
    }
  }

  /** A packet whose checksum is wrong. */
  damaged(): ImprovOutcome[] {
    return [encodeImprovError(improvErrors.invalidCommand)];
  }

  joined(ok: boolean, attempt: number, locked: boolean): ImprovOutcome[] {
    if (this.busy?.with !== "join" || attempt !== this.attempt) return [];
    const { ssid, password } = this.busy;
    this.busy = undefined;
    if (!ok) return this.failed(improvErrors.unableToConnect, locked);
    if (!this.keep(ssid, password)) return this.failed(improvErrors.unknown, locked);
    return this.stated(locked, improvCommands.wifi);
  }

  scanned(networks: readonly FoundNetwork[]): ImprovOutcome[] {
    if (this.busy?.with !== "scan") return [];
    this.busy = undefined;
    const seen: string[] = [];
    const outcomes: ImprovOutcome[] = [];
    for (const { ssid, rssi, secured } of networks) {
      if (seen.length === maxNetworks) break;
      if (seen.includes(ssid) || !isSsid(ssid)) continue;
      seen.push(ssid);
      const found = [ssid, String(Math.round(rssi)), secured ? "YES" : "NO"];
      outcomes.push(encodeImprovResult(improvCommands.scan, found));
    }
    outcomes.push(encodeImprovResult(improvCommands.scan, []));
    return outcomes;
  }

  /** What was not answered in time has failed. */
  time(locked: boolean, nowMs: number): ImprovOutcome[] {
    if (!this.busy || nowMs < this.busy.untilMs) return [];
    return this.busy.with === "join" ? this.joined(false, this.attempt, locked) : this.scanned([]);
  }

  /** What is under way comes to nothing: it must not change what follows. */
  cancel(locked: boolean): ImprovOutcome[] {
    if (this.busy?.with !== "join") return [];
    this.busy = undefined;
    return this.failed(improvErrors.unknown, locked);
  }

  private join(ssid: string, password: string, nowMs: number): ImprovOutcome[] {
    this.busy = { with: "join", ssid, password, untilMs: nowMs + joinWithinMs };
    this.attempt++;
    const { attempt } = this;
    return [encodeImprovState(improvStates.provisioning), { type: "join", ssid, password, attempt }];
  }

  private failed(error: ImprovError, locked: boolean): ImprovOutcome[] {
    return [encodeImprovError(error), encodeImprovState(this.state(locked))];
  }

  /** Where there is a network, a page waits for the address to go on to: there is none. */
  private stated(locked: boolean, command: number = improvCommands.state): ImprovOutcome[] {
    const state = this.state(locked);
    const packets = [encodeImprovState(state)];
    if (state === improvStates.provisioned) packets.push(encodeImprovResult(command, []));
    return packets;
  }

  private state(locked: boolean) {
    if (this.busy?.with === "join") return improvStates.provisioning;
    return locked || this.ssid !== undefined ? improvStates.provisioned : improvStates.ready;
  }

  /** The name comes last: a password without one is none. */
  private keep(ssid: string, password: string): boolean {
    const { store } = this;
    try {
      store.delete(flashKeys.wifiSsid);
      store.delete(flashKeys.wifiPassword);
      if (password !== "") store.write(flashKeys.wifiPassword, password);
      if ((store.readText(flashKeys.wifiPassword) ?? "") !== password) return false;
      store.write(flashKeys.wifiSsid, ssid);
      return store.readText(flashKeys.wifiSsid) === ssid;
    } catch {
      return false;
    }
  }
}

/** Hidden networks have no name, and what is no text cannot be shown. */
function isSsid(ssid: string): boolean {
  try {
    const length = utf8Length(ssid);
    return length >= 1 && length <= maxSsidBytes;
  } catch {
    return false;
  }
}
