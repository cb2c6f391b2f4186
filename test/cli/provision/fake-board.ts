/**
 * A board at a pseudo-terminal: the device's machine in this process, over flash in memory, and the terminal's other end by
 * Python, since Node has none. Found as sim:NAME while it is plugged in.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { simulatedPort } from "../../../host-sim/ports.js";
import { Demultiplexer } from "../../../lib/provisioning/demultiplexer.js";
import { ProvisioningDevice } from "../../../lib/provisioning/device.js";
import type { BoardInfo, DeviceEvent, DeviceOptions } from "../../../lib/provisioning/device-shell.js";
import { type Answer, decodeAnswer, encodeAnswer } from "../../../lib/provisioning/messages.js";
import { MemoryStore } from "../../lib/provisioning/memory-store.js";
import { nodeCrypto } from "../../node-crypto.js";

const terminal = `
import os, select, sys, tty
master, slave = os.openpty()
tty.setraw(slave)
os.symlink(os.ttyname(slave), sys.argv[1])
sys.stderr.write("ready\\n"); sys.stderr.flush()
while True:
    ready, _, _ = select.select([0, master], [], [])
    if 0 in ready:
        got = os.read(0, 4096)
        if not got: break
        os.write(master, got)
    if master in ready: os.write(1, os.read(master, 4096))
`;

export class FakeBoard {
  readonly name: string;
  readonly store: MemoryStore;
  readonly info: BoardInfo;
  restarts = 0;
  /** Looks at what the host sent before the board does; `false`: the board does not get it. */
  passes: (bytes: Uint8Array) => boolean = () => true;
  /** What it says in place of what it should. */
  says: (answer: Answer) => Answer = (answer) => answer;
  #machine: ProvisioningDevice;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: string, info: Partial<BoardInfo> = {}, store = new MemoryStore()) {
    this.name = `${name}-${process.pid}`;
    this.info = {
      board: "esp32c3",
      firmware: "0.1.0",
      mac: "a0b1c2d3e4f5",
      button: true,
      p256: true,
      ...info,
    };
    this.store = store;
    this.#machine = this.#boot("open");
  }

  get port(): string {
    return `sim:${this.name}`;
  }

  #boot(mode: DeviceOptions["mode"]): ProvisioningDevice {
    return new ProvisioningDevice({ mode, crypto: nodeCrypto, store: this.store, board: this.info });
  }

  async plug(): Promise<void> {
    const path = simulatedPort(this.name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.pid`, `${process.pid}\n`, { mode: 0o600 });
    rmSync(path, { force: true });
    const child = spawn("python3", ["-c", terminal, path], { stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    child.stdin!.on("error", () => {});
    child.stdout!.on("data", (bytes: Buffer) => this.#take(bytes));
    await once(child.stderr!, "data");
  }

  /** What the button does, and the restart after it. */
  erase(): void {
    this.store.entries.clear();
    this.#machine = this.#boot("open");
  }

  /** The power fails and comes back. */
  reset(): void {
    this.#machine = this.#boot(this.store.entries.has("record") ? "read-only" : "open");
  }

  log(text: string | Uint8Array): void {
    this.#child?.stdin?.write(text);
  }

  #take(bytes: Buffer): void {
    if (!this.passes(bytes)) return;
    for (let at = 0; at < bytes.length; at += 64)
      this.#tell({ type: "bytes", bytes: new Uint8Array(bytes.subarray(at, at + 64)) });
  }

  #tell(event: DeviceEvent): void {
    clearTimeout(this.#timer);
    for (const effect of this.#machine.handle(event, performance.now()))
      if (effect.type === "send") this.#child?.stdin?.write(this.#said(effect.bytes));
      else if (effect.type === "restart") {
        this.restarts++;
        this.reset();
      }
    const { nextWakeAtMs } = this.#machine;
    if (nextWakeAtMs === undefined) return;
    const inMs = Math.max(1, nextWakeAtMs - performance.now());
    this.#timer = setTimeout(() => this.#tell({ type: "time" }), inMs);
  }

  #said(bytes: Uint8Array): Uint8Array {
    const [event] = new Demultiplexer().receive(bytes, 0);
    if (event?.kind !== "frame") return bytes;
    return encodeAnswer(this.says(decodeAnswer(event.frame)!), event.frame.sequence);
  }

  async unplug(): Promise<void> {
    clearTimeout(this.#timer);
    const child = this.#child;
    this.#child = undefined;
    const path = simulatedPort(this.name);
    rmSync(path, { force: true });
    rmSync(`${path}.pid`, { force: true });
    if (!child) return;
    const ended = once(child, "close");
    child.kill();
    await ended;
  }
}
