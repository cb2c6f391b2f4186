/**
 * The profile a device carries in flash: everything about one board that is not a secret, as JSON, complete
 * (no defaults are filled in on the device). Passwords, the CA and the device's key record are other entries,
 * see flash-entries.ts. Reading is strict: a key too many, too few, or out of range, and the device refuses
 * the whole profile rather than run on half of it. What a user writes is richer: docs/profile.md.
 */
import { type Phase, phases } from "../cycle/wake-cycle.js";
import { type Failure, failure } from "../failure.js";

export interface Profile {
  readonly schema: 1;
  readonly device: { readonly id: string };
  readonly wifi: { readonly ssid: string };
  /** The SNTP server. */
  readonly time: { readonly server: string };
  readonly broker: {
    readonly host: string;
    readonly port: number;
    /** `false`: plain TCP, only together with `insecure`. */
    readonly tls: { readonly minVersion: "1.2" | "1.3" } | false;
    readonly insecure?: true;
    readonly username?: string;
  };
  readonly mqtt: { readonly version: "5" | "3.1.1"; readonly keepAliveSeconds: number };
  readonly topics: { readonly base: string; readonly readings: string; readonly protection: "stamp" };
  readonly cycle: {
    readonly intervalSeconds: number;
    readonly wakeBudgetSeconds: number;
    /** Phases not named here have the firmware's own deadlines. */
    readonly deadlineSeconds?: { readonly [phase in Phase]?: number };
  };
  readonly sensor: { readonly kind: "simulated" };
}

/** NVS strings end at 4,000 bytes with their terminator. */
export const maxProfileBytes = 3999;

/** Says what is wrong with a value, or nothing. */
type Rule = (value: unknown) => string | undefined;

interface Field {
  readonly rule: Rule;
  readonly optional?: true;
}

const text =
  (maxLength: number): Rule =>
  (value) =>
    typeof value === "string" && value.length > 0 && value.length <= maxLength
      ? undefined
      : ` must be a text of 1 to ${maxLength} characters`;

const range =
  (min: number, max: number, whole: boolean): Rule =>
  (value) =>
    typeof value === "number" && value >= min && value <= max && (!whole || Math.floor(value) === value)
      ? undefined
      : ` must be a ${whole ? "whole " : ""}number from ${min} to ${max}`;

const oneOf =
  (...values: readonly unknown[]): Rule =>
  (value) =>
    values.includes(value)
      ? undefined
      : ` must be ${values.map((known) => JSON.stringify(known)).join(" or ")}`;

/** A topic to publish to: no wildcards [MQTT-3.3.2-2], no NUL [MQTT-1.5.4-2]. */
const topic: Rule = (value) =>
  text(128)(value) ?? (/[+#\0]/.test(value as string) ? " must not contain +, # or NUL" : undefined);

const group =
  (fields: { readonly [name: string]: Field }): Rule =>
  (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return " must be an object";
    const given = value as { readonly [name: string]: unknown };
    for (const name of Object.keys(given))
      if (!Object.hasOwn(fields, name)) return `.${name} is no known setting`;
    for (const name of Object.keys(fields)) {
      const { rule, optional } = fields[name]!;
      if (!Object.hasOwn(given, name)) {
        if (optional) continue;
        return `.${name} is missing`;
      }
      const problem = rule(given[name]);
      if (problem !== undefined) return `.${name}${problem}`;
    }
    return undefined;
  };

const must = (rule: Rule): Field => ({ rule });
const may = (rule: Rule): Field => ({ rule, optional: true });

const tlsGroup = group({ minVersion: must(oneOf("1.2", "1.3")) });

const deadlines: { [phase: string]: Field } = {};
for (const phase of phases) deadlines[phase] = may(range(0.1, 600, false));

const rules = group({
  schema: must(oneOf(1)),
  device: must(group({ id: must(text(64)) })),
  // IEEE 802.11 limits an SSID to 32 octets.
  wifi: must(group({ ssid: must(text(32)) })),
  time: must(group({ server: must(text(253)) })),
  broker: must(
    group({
      host: must(text(253)),
      port: must(range(1, 65_535, true)),
      tls: must((value) => (value === false ? undefined : tlsGroup(value))),
      insecure: may(oneOf(true)),
      username: may(text(128)),
    }),
  ),
  mqtt: must(group({ version: must(oneOf("5", "3.1.1")), keepAliveSeconds: must(range(0, 65_535, true)) })),
  topics: must(group({ base: must(topic), readings: must(topic), protection: must(oneOf("stamp")) })),
  cycle: must(
    group({
      intervalSeconds: must(range(1, 2_592_000, false)),
      wakeBudgetSeconds: must(range(1, 600, false)),
      deadlineSeconds: may(group(deadlines)),
    }),
  ),
  sensor: must(group({ kind: must(oneOf("simulated")) })),
});

/**
 * Reads a profile from flash.
 * @returns the profile, or a failure that names the first setting that is wrong (never its value)
 */
export function readProfile(json: string): Profile | Failure {
  if (json.length > maxProfileBytes) return failure("profile-invalid", "the profile is too long");
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return failure("profile-invalid", "the profile is not JSON");
  }
  const problem = rules(value);
  if (problem !== undefined) return failure("profile-invalid", problem.slice(1));
  const profile = value as Profile;
  if (profile.broker.tls === false && !profile.broker.insecure)
    return failure("profile-invalid", "broker.insecure must be true when broker.tls is false");
  return profile;
}
