/**
 * The serial port: 115200 baud, 8N1, through the FIFOs of a UART, which have 128 bytes. The board's log goes out on the same
 * port; whoever listens tells it from frames. Nothing is read while something waits to be written, so a host that does
 * not wait for answers fills the FIFO, not the machine's memory.
 */
import Serial from "embedded:io/serial";
import Timer from "timer";
import type { SerialPort } from "../board.js";

/** The log has taken the room that was told: it is tried again when some of it has gone out. */
const retryMs = 5;
/** In which a full FIFO goes out, and the byte that is being sent. */
const drainMs = 15;

export class Port {
  private readonly serial: Serial;
  private readonly onReadable: () => void;
  private readonly waiting: Uint8Array[] = [];
  /** How much the driver takes now. */
  private room = 0;
  private timer: Timer | undefined;
  private onSent: (() => void) | undefined;

  /**
   * @param onReadable there may be something to read
   * @throws Error where the UART is not to be had: it is xsbug's in a debug build
   */
  constructor(port: SerialPort, onReadable: () => void) {
    this.onReadable = onReadable;
    this.serial = new Serial({
      ...port,
      baud: 115_200,
      format: "buffer",
      onReadable,
      onWritable: (byteLength) => this.writable(byteLength),
    });
  }

  /** What has come; nothing while something waits to be written. */
  read(): Uint8Array | undefined {
    if (this.waiting.length > 0) return undefined;
    const arrived = this.serial.read() as ArrayBuffer | undefined;
    return arrived?.byteLength ? new Uint8Array(arrived) : undefined;
  }

  /** The port keeps `bytes`. */
  send(bytes: Uint8Array): void {
    this.waiting.push(bytes);
    this.flush();
  }

  /** Calls `done`, once, when everything has left the board. */
  whenSent(done: () => void): void {
    this.onSent = done;
    this.flush();
  }

  close(): void {
    if (this.timer) Timer.clear(this.timer);
    this.timer = undefined;
    this.waiting.length = 0;
    this.serial.close();
  }

  private writable(byteLength: number): void {
    this.room = byteLength;
    this.flush();
    // What came meanwhile: nobody tells of it again.
    this.onReadable();
  }

  private flush(): void {
    while (this.room > 0) {
      const bytes = this.waiting[0];
      if (!bytes) break;
      const part = bytes.subarray(0, this.room);
      if (!this.write(part)) return;
      this.room -= part.length;
      if (part.length === bytes.length) this.waiting.shift();
      else this.waiting[0] = bytes.subarray(part.length);
    }
    if (this.waiting.length > 0 || !this.onSent) return;
    this.timer = Timer.set(this.onSent, drainMs);
    this.onSent = undefined;
  }

  private write(part: Uint8Array): boolean {
    try {
      this.serial.write(part);
      return true;
    } catch {
      // Until something was written the driver does not tell of room again: a byte, then.
      this.room = 0;
      this.timer = Timer.set(() => this.writable(1), retryMs);
      return false;
    }
  }
}
