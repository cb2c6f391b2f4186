/**
 * Asks for what a profile leaves to the operator (`prompt`): at a terminal without showing it, else one line of
 * standard input each, in the order asked for.
 */
import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import type { Prompt } from "../profile/at-provisioning.js";
import { OperatorError } from "../report.js";

export class Prompts {
  readonly #answers = new Map<string, string>();
  #lines: Interface | undefined;
  #iterator: AsyncIterator<string> | undefined;

  /**
   * @param id of the device that it is for, when each has its own
   * @throws {OperatorError} when nothing is entered
   */
  async ask({ setting, what }: Prompt, id = ""): Promise<string> {
    const name = `${setting} ${id}`;
    const known = this.#answers.get(name);
    if (known !== undefined) return known;
    const { stdin, stderr } = process;
    if (stdin.isTTY) stderr.write(`${id && `${id}: `}${what} (${setting}, not shown): `);
    const { value } = await this.#reader().next();
    if (stdin.isTTY) stderr.write("\n");
    if (!value)
      throw new OperatorError(
        `${id && `${id}: `}${setting}: nothing was entered; the profile has it asked for`,
      );
    this.#answers.set(name, value);
    return value;
  }

  #reader(): AsyncIterator<string> {
    if (this.#iterator) return this.#iterator;
    const { stdin } = process;
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    // No history: it would keep them.
    this.#lines = createInterface({ input: stdin, output: nowhere, terminal: stdin.isTTY, historySize: 0 });
    const lines = this.#lines;
    lines.once("SIGINT", () => lines.close());
    this.#iterator = lines[Symbol.asyncIterator]();
    return this.#iterator;
  }

  /** Nothing more is asked for. May be called twice. */
  close(): void {
    this.#answers.clear();
    if (!this.#lines) return;
    this.#lines.close();
    this.#lines = undefined;
    this.#iterator = undefined;
    if (!process.stdin.isTTY) process.stdin.destroy();
  }
}
