/**
 * How `sub` shows a message: the payload and a line feed, as mosquitto_sub does. In a pipe the payload's bytes as they
 * came; at a terminal nothing in them that would steer it.
 */
import type { ReceivedMessage } from "../../lib/mqtt/session-state.js";
import { UsageError } from "../report.js";
import { printableJson, printableLine, printableText } from "./printable.js";

export interface OutputFlags {
  readonly verbose?: boolean;
  /** -N */
  readonly N?: boolean;
  /** -F */
  readonly F?: string;
  readonly json?: boolean;
}

type Show = (message: ReceivedMessage) => Buffer;

/** @param terminal whether a person looks at it */
export function outputOf(flags: OutputFlags, terminal: boolean): Show {
  if (flags.json && (flags.verbose || flags.N || flags.F !== undefined))
    throw new UsageError("--json excludes -v, -N and -F");
  if (flags.json) return (message) => Buffer.from(`${printableJson(asObject(message))}\n`);
  if (flags.verbose && flags.F !== undefined) throw new UsageError("-v and -F exclude each other");
  const format = flags.F ?? (flags.verbose ? "%t %p" : "%p");
  const parts = [...partsOf(format), ...(flags.N ? [] : [() => Buffer.from("\n")])];
  return (message) => Buffer.concat(parts.map((part) => part(message, terminal)));
}

/** What is not text is in base64; what was not said is left out. */
function asObject(message: ReceivedMessage): object {
  const { payload, correlationData, subscriptionIdentifiers, userProperties, ...rest } = message;
  return {
    time: new Date().toISOString(),
    ...rest,
    ...bytesAs("payload", payload),
    ...(correlationData && bytesAs("correlationData", correlationData)),
    ...(userProperties?.length && { userProperties }),
    ...(subscriptionIdentifiers.length > 0 && { subscriptionIdentifiers }),
  };
}

function bytesAs(name: string, bytes: Uint8Array): object {
  try {
    return { [name]: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { [`${name}Base64`]: Buffer.from(bytes).toString("base64") };
  }
}

type Part = (message: ReceivedMessage, terminal: boolean) => Buffer;

const fields: { readonly [letter: string]: Part } = {
  t: ({ topic }, terminal) => Buffer.from(terminal ? printableLine(topic) : topic),
  p: ({ payload }, terminal) =>
    terminal ? Buffer.from(printableText(new TextDecoder().decode(payload))) : Buffer.from(payload),
  x: ({ payload }) => Buffer.from(Buffer.from(payload).toString("hex")),
  l: ({ payload }) => Buffer.from(`${payload.length}`),
  q: ({ qos }) => Buffer.from(`${qos}`),
  r: ({ retain }) => Buffer.from(retain ? "1" : "0"),
  I: () => Buffer.from(new Date().toISOString()),
  "%": () => Buffer.from("%"),
};

const escapes: { readonly [letter: string]: string } = { n: "\n", t: "\t", "0": "\0", "\\": "\\" };

function partsOf(format: string): Part[] {
  return [...format.matchAll(/%(.?)|\\(.?)|[^%\\]+/gs)].map(([text, field, escaped]) => {
    if (field !== undefined) {
      const part = fields[field];
      if (!part) throw new UsageError(`-F "%${field}": must be one of %${Object.keys(fields).join(" %")}`);
      return part;
    }
    const constant = escaped === undefined ? text : escapes[escaped];
    if (constant === undefined) throw new UsageError(`-F "\\${escaped}": must be one of \\n \\t \\0 \\\\`);
    return () => Buffer.from(constant);
  });
}
