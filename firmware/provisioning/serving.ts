/**
 * The shell around lib/provisioning's machine: the port, Wi-Fi and time are passed on to it, and what it wants is done. It
 * is made when nothing of a wake is left in memory.
 */
import { nativeCrypto } from "dormouse/crypto/native";
import { restart } from "dormouse/native/power";
import { ProvisioningDevice } from "dormouse/provisioning/device";
import type { BoardInfo, DeviceEffect, DeviceEvent } from "dormouse/provisioning/device-shell";
import type { Heard } from "dormouse/provisioning/window";
import Time from "time";
import Timer from "timer";
import { boardName, buttonPin, isSmall, type SerialPort } from "../board.js";
import { firmwareVersion } from "../release.js";
import { flashStore } from "./flash-store.js";
import { Port } from "./port.js";
import { findNetworks, macAddress, tryNetwork } from "./wifi-trial.js";

export class Serving implements Heard {
  private readonly machine: ProvisioningDevice;
  private readonly port: Port;
  /** What is to be done when its time has come, in this order. */
  private readonly effects: DeviceEffect[] = [];
  private timer: Timer | undefined;
  private reading = false;
  private closed = false;

  /** @throws Error where the port is not to be had */
  constructor(port: SerialPort, mode: "open" | "read-only") {
    this.port = new Port(port, () => this.readable());
    this.machine = new ProvisioningDevice({
      mode,
      crypto: nativeCrypto,
      store: flashStore,
      board: boardInfo(),
    });
  }

  get heardAtMs(): number | undefined {
    return this.machine.heardAtMs;
  }

  get helloAtMs(): number | undefined {
    return this.machine.helloAtMs;
  }

  get locked(): boolean {
    return this.machine.state === "locked";
  }

  close(): void {
    this.closed = true;
    this.stopTimer();
    this.machine.close();
    this.port.close();
  }

  /** In a job of its own: what a request asks for, a commit above all, needs nearly all of a small board's stack. */
  private readable(): void {
    if (this.reading || this.closed) return;
    this.reading = true;
    Timer.set(() => {
      this.reading = false;
      const bytes = this.closed ? undefined : this.port.read();
      if (!bytes) return;
      this.take(this.machine.handle({ type: "bytes", bytes }, Time.ticks));
      this.readable();
    }, 0);
  }

  private tell(event: DeviceEvent): void {
    if (!this.closed) this.take(this.machine.handle(event, Time.ticks));
  }

  private take(effects: readonly DeviceEffect[]): void {
    this.effects.push(...effects);
    this.carryOut();
  }

  private carryOut(): void {
    for (let effect = this.effects[0]; effect; effect = this.effects[0]) {
      if (effect.type === "send" && effect.notBeforeMs > Time.ticks) break;
      this.effects.shift();
      this.begin(effect);
    }
    this.setTimer();
  }

  private begin(effect: DeviceEffect): void {
    switch (effect.type) {
      case "send":
        return this.port.send(effect.bytes);
      case "join":
        return tryNetwork(effect, (ok) => this.tell({ type: "joined", ok, attempt: effect.attempt }));
      case "scan":
        return findNetworks((networks) => this.tell({ type: "scanned", networks }));
      case "restart":
        return this.port.whenSent(restart);
    }
  }

  private setTimer(): void {
    this.stopTimer();
    const [effect] = this.effects;
    const sendAt = effect?.type === "send" ? effect.notBeforeMs : Number.POSITIVE_INFINITY;
    const at = Math.min(sendAt, this.machine.nextWakeAtMs ?? Number.POSITIVE_INFINITY);
    if (at === Number.POSITIVE_INFINITY) return;
    const work = at === sendAt ? () => this.carryOut() : () => this.tell({ type: "time" });
    this.timer = Timer.set(work, Math.max(1, at - Time.ticks));
  }

  private stopTimer(): void {
    if (this.timer) Timer.clear(this.timer);
    this.timer = undefined;
  }
}

function boardInfo(): BoardInfo {
  let mac: string | undefined;
  return {
    board: boardName(),
    firmware: firmwareVersion,
    get mac() {
      mac ??= macAddress();
      return mac;
    },
    button: buttonPin() !== undefined,
    p256: !isSmall(),
  };
}
