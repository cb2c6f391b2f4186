/**
 * Checks a profile as a user wrote it against profiles/dormouse.schema.json, and splits it: what the device
 * stores as its profile (complete, defaults filled in) and the references to what is stored apart.
 * Every mistake names the setting, what is wrong and what to write. Values are never repeated: one may be a secret.
 * It runs in browsers too.
 */
import type { ErrorObject } from "ajv";
import type { Failure } from "../../lib/failure.js";
import { type Profile, readProfile, type TlsSettings } from "../../lib/store/profile.js";
import { readingsConflict } from "../../lib/store/protection.js";
import { type AtProvisioning, atProvisioning, besideImprov, misplacedWord } from "./at-provisioning.js";
import { authMistakes, authReferences, deviceAccount } from "./auth-rules.js";
import { cycleMistakes, deviceCycle, willMistakes } from "./cycle-rules.js";
import type { References } from "./references.js";
import { deviceTls, tlsMistakes, tlsReferences } from "./tls-rules.js";
import {
  checksumMistake,
  commandMistakes,
  deviceCommands,
  deviceTopics,
  topicMistakes,
  topicReferences,
} from "./topic-rules.js";
import { profileValidator } from "./validator.js";
import type { WrittenProfile } from "./written.js";

export interface Mistake {
  /** Dotted, e.g. `broker.port`; empty for the whole file. */
  readonly path: string;
  readonly problem: string;
  readonly remedy: string;
}

/** Public keys that the profile refers to are still to be read into it: key-pairs.ts. */
export interface Parts {
  readonly profile: Profile;
  readonly references: References;
  readonly atProvisioning: AtProvisioning;
}

export type Checked =
  | ({ readonly ok: true } & Parts)
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

function dotted(pointer: string, last?: string): string {
  const parts = pointer.split("/").slice(1);
  if (last !== undefined) parts.push(last);
  return parts.join(".");
}

/** The known name that differs least, if any is close: for "did you mean". */
function closest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const scored = known.map((candidate) => ({
    candidate,
    distance: editDistance(plain(name), plain(candidate)),
  }));
  return scored.sort((a, b) => a.distance - b.distance).find(({ distance }) => distance <= 2)?.candidate;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

interface SchemaNode {
  readonly description?: string;
  readonly properties?: { readonly [name: string]: SchemaNode };
}

function explain(error: ErrorObject): Mistake[] {
  // That a branch failed is said by what failed in it.
  if (error.keyword === "if") return [];
  return [explained(error)];
}

function explained(error: ErrorObject): Mistake {
  const schema = (error.parentSchema ?? {}) as SchemaNode;
  const known = Object.keys(schema.properties ?? {}).filter((name) => name !== "$schema");
  switch (error.keyword) {
    case "additionalProperties": {
      const { additionalProperty: name } = error.params as { additionalProperty: string };
      const near = closest(name, known);
      const remedy = near ? `Did you mean "${near}"?` : `Remove it; known here: ${known.join(", ")}.`;
      return { path: dotted(error.instancePath, name), problem: "is no known setting", remedy };
    }
    case "required": {
      const { missingProperty: name } = error.params as { missingProperty: string };
      const remedy = schema.properties?.[name]?.description ?? `Add "${name}".`;
      return { path: dotted(error.instancePath, name), problem: "is missing", remedy };
    }
    case "false schema":
      return besideImprov(dotted(error.instancePath));
    default: {
      const path = dotted(error.instancePath);
      const checksum = path.endsWith(".protection") ? checksumMistake(path, error.data) : undefined;
      const remedy = schema.description ?? "See docs/profile.md.";
      return checksum ?? misplacedWord(path, error.data) ?? { path, problem: problemOf(error), remedy };
    }
  }
}

function problemOf({ keyword, params, data }: ErrorObject): string {
  const { type, limit } = params;
  switch (keyword) {
    case "type":
      return `must be ${[type].flat().join(" or ")}, not ${data === null ? "null" : Array.isArray(data) ? "array" : typeof data}`;
    case "minimum":
    case "maximum":
      return `is ${keyword === "minimum" ? "smaller" : "larger"} than ${limit}`;
    case "minLength":
    case "maxLength":
      return `is ${keyword === "minLength" ? "shorter" : "longer"} than ${limit} characters`;
    case "minItems":
    case "maxItems":
      return `has ${keyword === "minItems" ? "fewer" : "more"} than ${limit}`;
    case "uniqueItems":
      return "has the same twice";
    case "pattern":
      return "is not written as it must be";
    default:
      return "has a value that is not allowed";
  }
}

/** Rules that tie settings together, and so are not in the schema. */
function crossMistakes(written: WrittenProfile): Mistake[] {
  const { broker } = written;
  const early = broker.tls !== false && broker.tls.earlyData;
  const mistakes = [...cycleMistakes(written.cycle), ...willMistakes(written.mqtt, written.cycle, early)];
  if (broker.tls === false && !broker.insecure)
    mistakes.push({
      path: "broker.insecure",
      problem: "is missing though broker.tls is false",
      remedy: "Write true to acknowledge plain TCP, or let broker.tls be an object.",
    });
  if (broker.tls !== false && broker.insecure)
    mistakes.push({
      path: "broker.insecure",
      problem: "is set though broker.tls is not false",
      remedy: "Remove it.",
    });
  mistakes.push(...authMistakes(broker, broker.tls !== false));
  mistakes.push(...topicMistakes(written.topics, broker.tls !== false));
  if (readingsConflict(deviceTopics(written.topics, written.device.id)))
    mistakes.push({
      path: "topics.readings",
      problem: "is a topic that the device has another use for",
      remedy: "Name another: BASE/will, BASE/command and BASE/result have messages and keys of their own.",
    });
  if (written.commands) mistakes.push(...commandMistakes(written.commands, written.mqtt));
  return broker.tls === false ? mistakes : [...mistakes, ...tlsMistakes(broker.tls, broker)];
}

function defaultPort({ tls, websocket }: WrittenProfile["broker"]): number {
  if (websocket) return tls === false ? 80 : 443;
  return tls === false ? 1883 : 8883;
}

/** The path that brokers have when nobody asked for another. */
function websocketOf(written: true | { path: string }): { path: string } {
  return written === true ? { path: "/mqtt" } : written;
}

function split(written: WrittenProfile): Parts {
  const { device, wifi, broker, commands } = written;
  const topics = deviceTopics(written.topics, device.id);
  return {
    profile: {
      schema: 1,
      device,
      wifi: wifi.improv ? { improv: true } : { ssid: wifi.ssid },
      time: written.time,
      broker: {
        host: broker.host,
        port: broker.port ?? defaultPort(broker),
        tls: broker.tls === false ? false : deviceTls(broker.tls),
        ...(broker.insecure === undefined ? {} : { insecure: broker.insecure }),
        ...(broker.websocket === undefined ? {} : { websocket: websocketOf(broker.websocket) }),
        ...deviceAccount(broker, device.id),
      },
      mqtt: written.mqtt,
      topics,
      ...(commands && { commands: deviceCommands(commands) }),
      cycle: deviceCycle(written.cycle),
      ...(written.outbox && { outbox: written.outbox }),
      sensor: written.sensor,
    },
    references: {
      ...(wifi.password === undefined ? {} : { wifiPassword: wifi.password }),
      ...authReferences(broker),
      ...(broker.tls === false ? {} : tlsReferences(broker.tls)),
      ...topicReferences(written.topics, commands),
    },
    atProvisioning: atProvisioning(written, topics.up),
  };
}

/** JSON.parse's message can quote the text, and with it a secret: only the place is told. */
function notJson(json: string, error: unknown): Mistake {
  const at = /position (\d+)/.exec((error as Error).message);
  const where = at ? ` (line ${json.slice(0, Number(at[1])).split("\n").length})` : "";
  return { path: "", problem: `is not JSON${where}`, remedy: "Look for a missing quote, comma or brace." };
}

/** The device is the stricter judge where the schema counts otherwise. */
function unreadable({ detail }: Failure): Mistake {
  const [, path, problem] = /^(\S*) (.*)$/.exec(detail)!;
  return { path: path!, problem: problem!, remedy: "See docs/profile.md." };
}

/** Checks a profile's text. Never throws for what the text holds. */
export function checkProfile(json: string): Checked {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return { ok: false, mistakes: [notJson(json, error)] };
  }
  const validate = profileValidator();
  if (!validate(value)) return { ok: false, mistakes: (validate.errors ?? []).flatMap(explain) };
  const mistakes = crossMistakes(value);
  if (mistakes.length > 0) return { ok: false, mistakes };
  const parts = split(value);
  const read = readProfile(JSON.stringify(parts.profile));
  return "kind" in read ? { ok: false, mistakes: [unreadable(read)] } : { ok: true, ...parts };
}

/** What a profile that says nothing about TLS gets. */
export function defaultTls(): TlsSettings {
  const checked = checkProfile('{"schema":1,"device":{"id":"d"},"wifi":{"ssid":"s"},"broker":{"host":"h"}}');
  if (!checked.ok || checked.profile.broker.tls === false)
    throw new Error("the schema has no defaults for TLS");
  return checked.profile.broker.tls;
}

/** One line, e.g. `broker.port is larger than 65535. Write …`. */
export function mistakeLine({ path, problem, remedy }: Mistake): string {
  return `${path || "the file"} ${problem}. ${remedy}`;
}
