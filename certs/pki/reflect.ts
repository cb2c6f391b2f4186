/**
 * The four functions of the old Reflect metadata proposal that @peculiar/x509's dependency container
 * calls when it is loaded. Import this file before that package. A fuller polyfill, if one is already
 * there, is left alone.
 */
type Metadata = Map<unknown, unknown>;

const metadata = new WeakMap<object, Metadata>();

function own(key: unknown, target: object): unknown {
  return metadata.get(target)?.get(key);
}

function inherited(key: unknown, target: object): unknown {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null)
    if (metadata.get(at)?.has(key)) return own(key, at);
  return undefined;
}

function define(key: unknown, value: unknown, target: object): void {
  const entries: Metadata = metadata.get(target) ?? new Map();
  entries.set(key, value);
  metadata.set(target, entries);
}

if (!("getMetadata" in Reflect))
  Object.assign(Reflect, {
    defineMetadata: define,
    getMetadata: inherited,
    getOwnMetadata: own,
    hasOwnMetadata: (key: unknown, target: object) => metadata.get(target)?.has(key) ?? false,
  });
