/**
 * An open port of a board: 115200 8N1, DTR and RTS inactive, since they drive its reset and boot pins. Our protocol's
 * client and Improv's share it; what the board logs is told as lines.
 */
import { ProvisioningClient } from "../../lib/provisioning/client.js";
import type { PortEvent } from "../../lib/provisioning/demultiplexer.js";
import type { WebSerialPort } from "./web-serial.js";

const baudRate = 115_200;

export class Line {
  readonly client: ProvisioningClient;
  readonly #port: WebSerialPort;
  readonly #listeners = new Set<(event: PortEvent) => void>();
  readonly #lost: () => void;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #reading: Promise<void>;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(port: WebSerialPort, lost: () => void) {
    this.#port = port;
    this.#lost = lost;
    this.client = new ProvisioningClient(
      { send: (bytes) => this.send(bytes), nowMs: () => performance.now(), after },
      crypto.getRandomValues(new Uint8Array(1))[0]!,
      (event) => {
        for (const listener of this.#listeners) listener(event);
      },
    );
    this.#reading = this.#read();
  }

  /**
   * @param lost called when the board goes away, not by close()
   * @throws {Error} when the port is in use elsewhere
   */
  static async open(port: WebSerialPort, lost: () => void): Promise<Line> {
    await port.open({ baudRate, bufferSize: 4096 });
    try {
      await port.setSignals({ dataTerminalReady: false, requestToSend: false });
    } catch {
      // A port without these lines resets nothing.
    }
    return new Line(port, lost);
  }

  /** What comes beside our protocol's answers. @returns ends it */
  listen(listener: (event: PortEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Queues bytes. A copy goes out, which is zeroed. */
  send(bytes: Uint8Array): void {
    const copy = bytes.slice();
    this.#writing = this.#writing.then(() => this.#write(copy)).catch(() => {});
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const writer = this.#port.writable?.getWriter();
    if (!writer) return;
    try {
      await writer.write(bytes);
    } finally {
      bytes.fill(0);
      writer.releaseLock();
    }
  }

  async #read(): Promise<void> {
    // An error of the line (a break, bad parity) ends a stream; the port then has a new one.
    while (this.#port.readable && !this.#closed) {
      const reader = this.#port.readable.getReader();
      this.#reader = reader;
      try {
        for (;;) {
          const { value, done } = await reader.read();
          if (done) break;
          this.client.received(value);
        }
      } catch {
        // the next stream, if there is one
      } finally {
        reader.releaseLock();
      }
    }
    this.client.lost();
    if (!this.#closed) this.#lost();
  }

  /** May be called twice. The port can be opened again then. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#reader?.cancel().catch(() => {});
    await this.#reading;
    await this.#writing;
    await this.#port.close().catch(() => {});
  }
}

function after(ms: number, wake: () => void): () => void {
  const timer = setTimeout(wake, ms);
  return () => clearTimeout(timer);
}
