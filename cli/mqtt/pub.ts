/** `dormouse pub`: publishes a message, or one for each line of standard input, and ends when the broker has them all. */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import type { Message } from "../../lib/mqtt/session-state.js";
import { messageProperties } from "../../lib/mqtt/wire/encode.js";
import { checkTopicName } from "../../lib/mqtt/wire/topics.js";
import type { Outcome } from "../outcome.js";
import { fileProblem, UsageError } from "../report.js";
import { whole } from "../values.js";
import {
  addClientOptions,
  addressOf,
  type ClientFlags,
  checked,
  clientSettings,
  qosOf,
} from "./client-flags.js";
import { RefusedError, SessionError } from "./failures.js";
import { NodeSession } from "./node-session.js";

interface PubFlags extends ClientFlags {
  readonly topic?: string;
  readonly message?: string;
  readonly file?: string;
  readonly stdinLine?: boolean;
  readonly stdinFile?: boolean;
  readonly nullMessage?: boolean;
  readonly retain?: boolean;
  readonly repeat?: string;
  readonly repeatDelay?: string;
}

/** How many messages are read ahead of the broker. */
const mostPending = 64;

/** @param over ends them before their time */
async function payloads(flags: PubFlags, over: AbortSignal): Promise<AsyncGenerator<Uint8Array>> {
  const { message, file, stdinLine, stdinFile, nullMessage, pw, psk } = flags;
  const sources = [message, file, stdinLine, stdinFile, nullMessage].filter((source) => source !== undefined);
  if (sources.length !== 1)
    throw new UsageError("give one of -m, -f, -l, -s and -n (see: dormouse pub --help)");
  if ((stdinLine || stdinFile) && (pw === "-" || psk === "-"))
    throw new UsageError(
      "standard input cannot give the secret and the message: write env:NAME or file:PATH",
    );
  if (stdinLine) {
    if (flags.repeat !== undefined) throw new UsageError("--repeat goes with -m, -f, -s and -n");
    return lines(over);
  }
  const payload =
    file !== undefined ? await contentOf(file) : stdinFile ? await input() : Buffer.from(message ?? "");
  return repeated(payload, flags, over);
}

async function contentOf(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error: unknown) => {
    throw new UsageError(`-f ${fileProblem(file, error)}`);
  });
}

async function input(): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of process.stdin) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}

/** Each line's bytes as they are. A blank line is a message without payload, as with mosquitto_pub. */
async function* lines(over: AbortSignal): AsyncGenerator<Uint8Array> {
  over.addEventListener("abort", () => process.stdin.destroy());
  let rest = Buffer.alloc(0);
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        yield rest.subarray(0, end);
        rest = rest.subarray(end + 1);
      }
    }
    if (rest.length > 0) yield rest;
  } catch (error) {
    if (!over.aborted) throw error;
  }
}

function repeated(
  payload: Uint8Array,
  { repeat, repeatDelay }: PubFlags,
  over: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const times = whole("--repeat", repeat ?? "1", 1, 1_000_000_000);
  const seconds = Number(
    /^\d{1,6}(\.\d{1,3})?$/.test(repeatDelay ?? "0") ? (repeatDelay ?? "0") : Number.NaN,
  );
  if (Number.isNaN(seconds))
    throw new UsageError(`--repeat-delay "${repeatDelay}": must be seconds, e.g. 0.5`);
  return (async function* () {
    for (let i = 0; i < times && !over.aborted; i++) {
      if (i > 0 && seconds > 0) await delay(seconds * 1000, undefined, { signal: over }).catch(() => {});
      yield payload;
    }
  })();
}

/** @returns how many messages the broker refused */
async function publishAll(
  session: NodeSession,
  message: Omit<Message, "payload">,
  all: AsyncGenerator<Uint8Array>,
): Promise<number> {
  const pending = new Set<Promise<void>>();
  let refused = 0;
  let wrong: unknown;
  const failed = (error: unknown) => {
    if (error instanceof RefusedError) {
      console.error(`dormouse: ${error.message}`);
      refused++;
    } else if (!(error instanceof SessionError)) wrong ??= error;
  };
  for await (const payload of all) {
    const one: Promise<void> = session
      .publish({ ...message, payload })
      .then(() => {}, failed)
      .finally(() => pending.delete(one));
    pending.add(one);
    if (pending.size >= mostPending) await Promise.race(pending);
    if (wrong !== undefined) break;
  }
  await Promise.all(pending);
  if (wrong !== undefined) throw wrong;
  return refused;
}

export function addPubCommand(parent: Command, outcome: Outcome): void {
  const command = parent
    .command("pub")
    .description("Publish messages to a topic at an MQTT broker.")
    .optionsGroup("The message:")
    .option("-t, --topic <TOPIC>", "where to")
    .option("-m, --message <TEXT>", "the payload")
    .option("-f, --file <FILE>", "the payload is what this file holds")
    .option("-l, --stdin-line", "each line of standard input is a message")
    .option("-s, --stdin-file", "the whole of standard input is one")
    .option("-n, --null-message", "a message without payload")
    .option("-q, --qos <QOS>", "0 sent once, 1 acknowledged, 2 exactly once (0)")
    .option("-r, --retain", "the broker keeps it for those who subscribe later")
    .option("--repeat <N>", "publish it so many times (1)")
    .option("--repeat-delay <SECONDS>", "with so much time between (0)");
  addClientOptions(command)
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse pub -h broker.example --cafile ca.pem -t hello -m world -q 1",
    )
    .addHelpText("after", "\nThe letters are mosquitto_pub's; docs/mqtt-client.md has the differences.")
    .action(async (flags: PubFlags) => {
      outcome.exitCode = await publish(flags);
    });
}

/** @returns the exit code */
async function publish(flags: PubFlags): Promise<number> {
  const address = addressOf(flags);
  if (flags.topic !== undefined && address.topic !== undefined)
    throw new UsageError("-t and a topic in -L exclude each other");
  const topic = flags.topic ?? address.topic;
  if (topic === undefined) throw new UsageError("-t TOPIC is missing (see: dormouse pub --help)");
  checked("-t", () => checkTopicName(topic));
  const qos = qosOf("-q", flags.qos);
  const over = new AbortController();
  const all = await payloads(flags, over.signal);
  const settings = await clientSettings(flags, address);
  const message = { ...settings.properties.publish, topic, qos, retain: flags.retain ?? false };
  checked("-D", () => messageProperties(message));
  const session = new NodeSession(settings);
  session.ended.then(() => over.abort());
  try {
    const refused = await publishAll(session, message, all);
    const why = await session.disconnect();
    if (why) throw new SessionError(why);
    return refused > 0 ? 1 : 0;
  } finally {
    await session.disconnect();
    // An open standard input would keep the process.
    process.stdin.destroy();
  }
}
