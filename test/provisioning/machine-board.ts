/**
 * A board in this process: the device's machine in real time over flash in memory, in a place with some networks. What it
 * says goes out with log lines between, in pieces as small as wanted.
 */
import { nodeCrypto } from "../../backend/node-crypto.js";
import { ProvisioningDevice } from "../../lib/provisioning/device.js";
import type {
  BoardInfo,
  DeviceEffect,
  DeviceEvent,
  FoundNetwork,
} from "../../lib/provisioning/device-shell.js";
import { board } from "../lib/provisioning/bench.js";
import { MemoryStore } from "../lib/provisioning/memory-store.js";

export interface Place {
  /** An empty password: an open network. */
  readonly networks: readonly (FoundNetwork & { readonly password: string })[];
}

export class MachineBoard {
  readonly store = new MemoryStore();
  restarts = 0;
  /** Bytes that go out at once. */
  pieceBytes = Number.POSITIVE_INFINITY;
  /** Is said before each of its answers. */
  chatter: readonly Uint8Array[] = [];
  readonly #place: Place;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #board: BoardInfo;
  #machine!: ProvisioningDevice;
  #timer: NodeJS.Timeout | undefined;

  constructor(place: Place, send: (bytes: Uint8Array) => void, told: Partial<BoardInfo> = {}) {
    this.#place = place;
    this.#send = send;
    this.#board = { ...board, ...told };
    this.boot();
  }

  boot(): void {
    this.#machine?.close();
    this.#machine = new ProvisioningDevice({
      mode: this.store.keys().includes("record") ? "read-only" : "open",
      crypto: nodeCrypto,
      store: this.store,
      board: this.#board,
    });
  }

  received(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 128)
      this.#happen({ type: "bytes", bytes: Uint8Array.from(bytes.subarray(at, at + 128)) });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#machine.close();
  }

  #happen(event: DeviceEvent): void {
    for (const effect of this.#machine.handle(event, performance.now())) this.#carryOut(effect);
    clearTimeout(this.#timer);
    const { nextWakeAtMs } = this.#machine;
    if (nextWakeAtMs !== undefined)
      this.#timer = setTimeout(() => this.#happen({ type: "time" }), nextWakeAtMs - performance.now() + 1);
  }

  #carryOut(effect: DeviceEffect): void {
    switch (effect.type) {
      case "send": {
        const delay = effect.notBeforeMs - performance.now();
        if (delay > 0) setTimeout(() => this.#say(effect.bytes), delay);
        else this.#say(effect.bytes);
        return;
      }
      case "scan":
        setImmediate(() => this.#happen({ type: "scanned", networks: this.#place.networks }));
        return;
      case "join": {
        const { ssid, password, attempt } = effect;
        const ok = this.#place.networks.some(
          (network) => network.ssid === ssid && network.password === password,
        );
        setImmediate(() => this.#happen({ type: "joined", ok, attempt }));
        return;
      }
      case "restart":
        this.restarts++;
        setImmediate(() => this.boot());
    }
  }

  #say(bytes: Uint8Array): void {
    for (const noise of this.chatter) this.#send(noise);
    for (let at = 0; at < bytes.length; at += this.pieceBytes)
      this.#send(bytes.subarray(at, at + this.pieceBytes));
  }
}
