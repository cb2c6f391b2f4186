/** `dormouse listen`: verifies and opens what devices send, and writes each message once. */
import type { Command } from "commander";
import type { Received } from "../../backend/receiver.js";
import { addClientOptions } from "../mqtt/client-flags.js";
import { SessionError } from "../mqtt/failures.js";
import { OperatorError } from "../report.js";
import { choice, whole } from "../values.js";
import { addReceiveOptions, type ReceiveFlags, receiveSettings } from "./receive-flags.js";
import { type Format, formats, kindOf, verdictLine, type Writer, writerOf } from "./records.js";
import { Source } from "./source.js";
import { Notices, written } from "./told.js";

interface ListenFlags extends ReceiveFlags {
  readonly format?: string;
  readonly verdicts?: string;
  /** -C */
  readonly C?: string;
  /** -W */
  readonly W?: string;
}

const verdicts = ["fresh", "duplicate", "conflict", "stale", "bad", "unauthenticated"] as const;
type Verdict = (typeof verdicts)[number];

/** One run of the command. */
class Listener {
  readonly #writer: Writer;
  readonly #shown: ReadonlySet<Verdict>;
  readonly #count: number | undefined;
  readonly #timeoutSeconds: number | undefined;
  readonly #notices = new Notices();
  #received = 0;
  #source: Source | undefined;

  constructor(flags: ListenFlags) {
    this.#writer = writerOf(choice<Format>("--format", flags.format ?? "text", formats));
    this.#shown = verdictsOf(flags.verdicts ?? "fresh");
    this.#count = flags.C === undefined ? undefined : whole("-C", flags.C, 1, 1_000_000_000);
    this.#timeoutSeconds = flags.W === undefined ? undefined : whole("-W", flags.W, 1, 2_000_000);
  }

  /** @throws {OperatorError} when it did not end as it was to */
  async run(flags: ListenFlags): Promise<void> {
    const settings = await receiveSettings(flags);
    const source = await Source.open({
      ...settings,
      atOnce: 1,
      use: (received, atMs) => this.#use(received, atMs),
    });
    this.#source = source;
    let timer: NodeJS.Timeout | undefined;
    const leave = () => void source.finish("all");
    // The second time they end the process.
    process.once("SIGINT", leave).once("SIGTERM", leave);
    if (this.#writer.head !== "") await written(process.stdout, this.#writer.head);
    const failure = await source.run(() => {
      if (this.#timeoutSeconds !== undefined) timer = setTimeout(leave, this.#timeoutSeconds * 1000);
    });
    clearTimeout(timer);
    await this.#notices.end();
    process.off("SIGINT", leave).off("SIGTERM", leave);
    if (failure) throw new SessionError(failure);
    if (this.#count !== undefined && this.#received < this.#count)
      throw new OperatorError(`${this.#received} of ${this.#count} messages came`);
  }

  async #use(received: Received, atMs: number): Promise<true> {
    const { verdict } = received;
    const isShown = this.#shown.has(verdict);
    const line = verdictLine(received);
    if (verdict === "conflict") await this.#notices.always(line);
    else if (!isShown) await this.#notices.tell(kindOf(received), line);
    if (!isShown) return true;
    await written(process.stdout, this.#writer.lines(received, atMs));
    // What came behind it is left to the next run.
    if (++this.#received === this.#count) void this.#source!.finish("begun");
    return true;
  }
}

function verdictsOf(text: string): ReadonlySet<Verdict> {
  if (text === "all") return new Set(verdicts);
  return new Set(text.split(",").map((one) => choice("--verdicts", one, verdicts)));
}

export function addListenCommand(parent: Command): void {
  const command = parent
    .command("listen")
    .description("Receive what devices send: verify, decrypt, and write each message once.");
  addReceiveOptions(command)
    .optionsGroup("What is written:")
    .option("--format <FORMAT>", "text, json (an object a line) or csv (text)")
    .option("--verdicts <WHICH>", "fresh, or all, or some with commas; the others are told on stderr (fresh)")
    .option("-C <COUNT>", "end after so many messages")
    .option("-W <SECONDS>", "end so long after the connection stood");
  addClientOptions(command)
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse listen -h broker.example --cafile ca.pem --keyring devices.keyring",
    )
    .addHelpText("after", "\ndocs/receivers.md says what each verdict means and what a keyring holds.")
    .action((flags: ListenFlags) => new Listener(flags).run(flags));
}
