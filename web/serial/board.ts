/** The one board at the bench: its port, chosen once, and who holds it. One thing at a time is done to it. */
import type { PortEvent } from "../../lib/provisioning/demultiplexer.js";
import type { Info } from "../../lib/provisioning/messages.js";
import { Line } from "./line.js";
import { type WebSerialPort, webSerial } from "./web-serial.js";

/** Without firmware it says nothing, and need not be waited for. */
const greetingPatience = [400, 800];

export class Board {
  #port: WebSerialPort | undefined;
  #line: Line | undefined;
  #busy = false;
  #greeting: Promise<void> = Promise.resolve();
  readonly #changed: () => void;
  readonly #logged: (text: string) => void;
  readonly #greeted: (info: Info | undefined) => void;

  /**
   * @param changed something in `chosen` or `busy` has
   * @param logged gets the board's own lines
   * @param greeted gets what a board that was just chosen says it is; nothing when it says nothing
   */
  constructor(
    changed: () => void,
    logged: (text: string) => void,
    greeted: (info: Info | undefined) => void,
  ) {
    this.#changed = changed;
    this.#logged = logged;
    this.#greeted = greeted;
  }

  get chosen(): boolean {
    return this.#port !== undefined;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Asks the person for a port. @throws {DOMException} NotFoundError when none was picked */
  async choose(): Promise<void> {
    const port = await webSerial()!.requestPort();
    await this.#line?.close();
    this.#port = port;
    this.#line = await this.#open(port);
    this.#greeting = this.#greet(this.#line);
    this.#changed();
  }

  async #greet({ client }: Line): Promise<void> {
    this.#greeted(await client.hello(greetingPatience).catch(() => undefined));
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
      await this.#line?.close();
      this.#line = undefined;
      return act(port);
    });
  }

  async #open(port: WebSerialPort): Promise<Line> {
    const line = await Line.open(port, () => {
      if (this.#line === line) this.#line = undefined;
    });
    line.listen((event: PortEvent) => {
      if (event.kind === "line") this.#logged(event.text);
    });
    return line;
  }

  async #alone<T>(act: (port: WebSerialPort) => Promise<T>): Promise<T> {
    if (!this.#port) throw new Error("choose the board's port first");
    if (this.#busy) throw new Error("the board is busy");
    this.#busy = true;
    this.#changed();
    try {
      return await act(this.#port);
    } finally {
      this.#busy = false;
      this.#changed();
    }
  }
}
