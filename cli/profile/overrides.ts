/**
 * Settings that a command line or a row of a table puts over a profile's, as text: the schema says whether a text is a
 * number, a list or a word. What comes out is checked like any other profile.
 */
import { OperatorError } from "../report.js";
import type { References } from "./references.js";
import { profileSchema } from "./validator.js";

/** By dotted name, e.g. `broker.username`. */
export type Overrides = Readonly<Record<string, string>>;

interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly $ref?: string;
  readonly properties?: { readonly [name: string]: SchemaNode };
  /** Of what is an object or one word: the object, and the word. */
  readonly then?: SchemaNode;
  readonly else?: SchemaNode;
  readonly definitions?: { readonly [name: string]: SchemaNode };
}

type Group = { [name: string]: unknown };

/**
 * @param json a profile; what is no JSON object comes back as it is
 * @throws {OperatorError} for a name that no setting has
 */
export function withOverrides(json: string, overrides: Overrides): string {
  let profile: unknown;
  try {
    profile = JSON.parse(json);
  } catch {
    return json;
  }
  if (!isGroup(profile)) return json;
  for (const [path, text] of Object.entries(overrides)) put(profile, path, text);
  return JSON.stringify(profile);
}

function isGroup(value: unknown): value is Group {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function put(profile: Group, path: string, text: string): void {
  const node = schemaAt(path);
  if (!node) throw new OperatorError(`${path} is no known setting. docs/profile.md has them all.`);
  const names = path.split(".");
  const last = names.pop()!;
  let group = profile;
  for (const name of names) {
    const inner = Object.hasOwn(group, name) && isGroup(group[name]) ? group[name] : {};
    group[name] = inner;
    group = inner;
  }
  group[last] = typed(text, node);
}

/** Of names that the schema has: no other name is ever looked up in an object. */
function schemaAt(path: string): SchemaNode | undefined {
  const schema: SchemaNode = profileSchema();
  let node: SchemaNode | undefined = schema;
  for (const name of path.split(".")) {
    const known: SchemaNode["properties"] = node?.properties ?? node?.then?.properties ?? {};
    node = Object.hasOwn(known, name) ? known[name] : undefined;
    const definition: string | undefined = node?.$ref?.split("/").pop();
    if (definition !== undefined) node = schema.definitions?.[definition];
  }
  return node;
}

/** What does not suit its setting stays text, and is blamed as that. */
function typed(text: string, { type, ...node }: SchemaNode): unknown {
  const word = node.else && "const" in node.else ? node.else : node;
  const fixed = node.enum ?? ("const" in word ? [word.const] : []);
  if (fixed.length > 0) return fixed.find((one) => String(one) === text) ?? text;
  const types = [type ?? []].flat();
  if (types.includes("array")) return text.split(/\s+/).filter((item) => item !== "");
  if (types.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  const isNumber = types.includes("number") || types.includes("integer");
  return isNumber && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** Of what belongs to one device alone. */
const ownReferences = [
  "wifiPassword",
  "brokerPassword",
  "jwtKey",
  "certificate",
  "key",
  "psk",
  "signKey",
] as const;

/** Where a file's path has the device's id as a part, or as a part's beginning up to a dot, the other id is there. */
export function renamedReferences(references: References, id: string, other: string): References {
  const own = (part: string) =>
    part === id || part.startsWith(`${id}.`) ? other + part.slice(id.length) : part;
  const renamed: { -readonly [name in keyof References]: References[name] } = { ...references };
  for (const name of ownReferences) {
    const reference = references[name];
    if (reference?.startsWith("file:")) {
      const parts = reference.slice("file:".length).split(/([\\/])/);
      const path = parts.map(own).join("");
      renamed[name] = `file:${path}`;
    }
  }
  return renamed;
}
