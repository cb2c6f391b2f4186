/** The one board at the bench: its port, chosen once, and who holds it. One thing at a time is done to it. */
import type { Info } from "../../lib/provisioning/messages.js";
import { Line } from "./line.js";
import { type WebSerialPort, webSerial } from "./web-serial.js";

export interface BoardWatcher {
  /** Something in `chosen` or `busy` has. */
  changed(): void;
  /** A line of the board's own. */
  logged(text: string): void;
  /** What a board that was chosen, or has new firmware, says it is; undefined when it says nothing. */
  greeted(info: Info | undefined): void;
  /** It was unplugged, or went away. */
  lost(): void;
}

/** Without firmware it says nothing, and need not be waited for. */
const greetingPatience = [400, 800];
/** New firmware starts for the first time. */
const startingPatience = [1_000, 1_000, 2_000];

export class Board {
  readonly #watcher: BoardWatcher;
  #port: WebSerialPort | undefined;
  #line: Line | undefined;
  #busy = false;
  #greeting: Promise<void> = Promise.resolve();

  constructor(watcher: BoardWatcher) {
    this.#watcher = watcher;
  }

  get chosen(): boolean {
    return this.#port !== undefined;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Asks the person for a port. @throws {DOMException} NotFoundError when none was picked; when it is in use elsewhere */
  async choose(): Promise<void> {
    const port = await webSerial()!.requestPort();
    await this.release();
    this.#line = await this.#open(port);
    this.#port = port;
    this.#greeting = this.#greet(this.#line, greetingPatience);
    this.#watcher.changed();
  }

  /** Nothing is chosen any more. */
  async release(): Promise<void> {
    await this.#closeLine();
    this.#port = undefined;
    this.#watcher.changed();
  }

  /** The firmware is another. */
  greetAgain(): Promise<void> {
    return this.overLine((line) => this.#greet(line, startingPatience));
  }

  /** Does something over the open line, which stays open for the next. */
  overLine<T>(act: (line: Line) => Promise<T>): Promise<T> {
    return this.#alone(async (port) => {
      await this.#greeting;
      this.#line ??= await this.#open(port);
      return act(this.#line);
    });
  }

  /** Does something with the port itself, closed. */
  withPort<T>(act: (port: WebSerialPort) => Promise<T>): Promise<T> {
    return this.#alone(async (port) => {
      await this.#closeLine();
      return act(port);
    });
  }

  async #greet({ client }: Line, patience: readonly number[]): Promise<void> {
    const info = await client.hello(patience).catch(() => undefined);
    // A port that was given back meanwhile says nothing of the board.
    if (this.#line) this.#watcher.greeted(info);
  }

  async #closeLine(): Promise<void> {
    const line = this.#line;
    this.#line = undefined;
    await line?.close();
  }

  async #open(port: WebSerialPort): Promise<Line> {
    const line = await Line.open(port, () => {
      if (this.#line === line) this.#line = undefined;
      this.#watcher.lost();
    });
    line.listen((event) => {
      if (event.kind === "line") this.#watcher.logged(event.text);
    });
    return line;
  }

  async #alone<T>(act: (port: WebSerialPort) => Promise<T>): Promise<T> {
    if (!this.#port) throw new Error("choose the board's port first");
    if (this.#busy) throw new Error("the board is busy");
    this.#busy = true;
    this.#watcher.changed();
    try {
      return await act(this.#port);
    } finally {
      this.#busy = false;
      this.#watcher.changed();
    }
  }
}
