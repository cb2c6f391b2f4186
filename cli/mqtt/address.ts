/** Where the broker is: `-L URL`, or `-h HOST` and `-p PORT`. */
import { UsageError } from "../report.js";
import { whole } from "../values.js";

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** MQTT over WebSocket at this path. */
  readonly websocketPath: string | undefined;
  /** From the URL's path, as it stands there; only where it is no WebSocket's. */
  readonly topic: string | undefined;
  readonly userName: string | undefined;
  readonly password: string | undefined;
}

const defaultPorts: { readonly [scheme: string]: number } = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 };
const hostPattern = /^[A-Za-z0-9._:%-]+$/;

/** `mqtt(s)://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC` or `ws(s)://…/PATH`. Not echoed in errors: it may hold a password. */
export function addressOfUrl(url: string): Address {
  const match =
    /^(mqtts?|wss?):\/\/(?:([^@/]*)@)?(\[[0-9A-Fa-f:.]+\]|[^:/@[\]]+)(?::(\d+))?(?:\/(.*))?$/s.exec(url);
  const [, scheme = "", credentials, bracketed = "", port, path = ""] = match ?? [];
  const host = bracketed.replace(/^\[|\]$/g, "");
  if (!match || !hostPattern.test(host))
    throw new UsageError(
      "-L: write mqtt://HOST/TOPIC, mqtts://HOST/TOPIC, ws://HOST/PATH or wss://HOST/PATH",
    );
  const isWebSocket = scheme.startsWith("ws");
  const [user, password] = divided(credentials ?? "");
  return {
    host,
    port: port === undefined ? defaultPorts[scheme]! : whole("the port in -L", port, 1, 65_535),
    tls: scheme === "mqtts" || scheme === "wss",
    websocketPath: isWebSocket ? `/${path || "mqtt"}` : undefined,
    topic: isWebSocket || path === "" ? undefined : path,
    userName: user === "" ? undefined : decoded(user),
    password: password === undefined ? undefined : decoded(password),
  };
}

/** @param tls whether some other option asks for it */
export function addressOfFlags(host = "localhost", portText: string | undefined, tls: boolean): Address {
  if (!hostPattern.test(host))
    throw new UsageError(`-h "${host}": write a host name or an address; a URL goes with -L`);
  const port = portText === undefined ? undefined : whole("-p", portText, 1, 65_535);
  return {
    host,
    port: port ?? (tls ? 8883 : 1883),
    tls: tls || port === 8883,
    websocketPath: undefined,
    topic: undefined,
    userName: undefined,
    password: undefined,
  };
}

function divided(credentials: string): [user: string, password: string | undefined] {
  const colon = credentials.indexOf(":");
  return colon < 0 ? [credentials, undefined] : [credentials.slice(0, colon), credentials.slice(colon + 1)];
}

/** RFC 3986 §2.1. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UsageError("-L: user name and password are percent-encoded in a URL (RFC 3986)");
  }
}
