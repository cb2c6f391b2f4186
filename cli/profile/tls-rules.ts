/**
 * The rules between a profile's TLS settings, and what of them the device stores. What each setting may be by
 * itself stands in the schema; what is in the files they name is seen when those are read (credentials.ts).
 */
import type { TlsSettings } from "../../lib/store/profile.js";
import { parsePin } from "../../lib/tls/pins.js";
import { base64 } from "../../lib/websocket/base64.js";
import { issued } from "./at-provisioning.js";
import type { WrittenAccount } from "./auth-rules.js";
import type { Mistake } from "./check.js";
import type { References } from "./references.js";

/** `broker.tls` as written, once the schema holds and its defaults are in. */
export interface WrittenTls
  extends Pick<TlsSettings, "minVersion" | "forwardSecrecy" | "withoutClock" | "resumption" | "earlyData"> {
  readonly ca?: string;
  readonly crl?: string;
  readonly pins?: readonly string[];
  readonly certificate?: string;
  readonly key?: string;
  readonly psk?: { readonly identity: string; readonly key: string };
}

/** Of the other settings in `broker`, those that TLS's must suit. */
interface Others extends WrittenAccount {
  readonly websocket?: unknown;
}

/** @returns one mistake for each rule that is broken; paths begin with `broker.tls.` */
export function tlsMistakes(tls: WrittenTls, others: Others): Mistake[] {
  const mistakes: Mistake[] = [];
  const blame = (setting: string, problem: string, remedy: string) =>
    mistakes.push({ path: `broker.tls.${setting}`, problem, remedy });
  if (tls.psk) {
    for (const other of ["ca", "crl", "pins", "certificate", "key"] as const)
      if (tls[other] !== undefined)
        blame(other, "is there though there is a psk", "Remove it: the PSK authenticates both sides.");
    if (!tls.forwardSecrecy && tls.minVersion === "1.3")
      blame(
        "forwardSecrecy",
        'is false though minVersion is "1.3"',
        "Remove it: only TLS 1.2 has a static PSK.",
      );
    if (tls.earlyData)
      blame(
        "earlyData",
        "is true though there is a psk",
        "Remove it: 0-RTT data needs a TLS 1.3 ticket, and a PSK gets none.",
      );
  } else {
    if (tls.crl !== undefined && tls.ca === undefined)
      blame(
        "ca",
        "is missing though there is a crl",
        "Write the root certificate that the CRL belongs under.",
      );
    if (tls.certificate === issued && tls.key !== undefined)
      blame(
        "key",
        'is there though certificate is "issued"',
        "Remove it: the board makes the key itself, and nobody else has it.",
      );
    if (tls.certificate !== undefined && tls.certificate !== issued && tls.key === undefined)
      blame(
        "key",
        "is missing though there is a certificate",
        'Write "file:PATH" or "env:NAME" of its private key, or "certificate": "issued".',
      );
    if (tls.key !== undefined && tls.certificate === undefined)
      blame(
        "certificate",
        "is missing though there is a key",
        'Write "file:PATH" of the certificate that it belongs to.',
      );
    if (!tls.forwardSecrecy)
      blame(
        "forwardSecrecy",
        "is false though there is no psk",
        "Remove it: with certificates TLS is always forward-secret.",
      );
  }
  if (tls.earlyData && tls.resumption === false)
    blame(
      "earlyData",
      "is true though resumption is false",
      "Remove one of them: 0-RTT data goes with a resumed session.",
    );
  for (const name of ["username", "password", "jwt"] as const)
    if (tls.earlyData && others[name] !== undefined)
      blame(
        "earlyData",
        `is true though there is a broker.${name}`,
        "Remove it: whoever reads 0-RTT data on the wire can send it again, and a password never goes that way.",
      );
  if (tls.earlyData && others.websocket !== undefined)
    blame(
      "earlyData",
      "is true though there is a broker.websocket",
      "Remove it: before a WebSocket is open nothing may be sent.",
    );
  return [...mistakes, ...pinMistakes(tls.pins ?? [])];
}

/** The schema knows what a pin looks like; this knows which 32 bytes it is. */
function pinMistakes(pins: readonly string[]): Mistake[] {
  const mistakes: Mistake[] = [];
  const places = new Map<string, number>();
  pins.forEach((pin, place) => {
    const path = `broker.tls.pins.${place}`;
    const known = normalPin(pin);
    const earlier = known === undefined ? undefined : places.get(known);
    if (known === undefined)
      mistakes.push({
        path,
        problem: "is not the base64 of 32 bytes",
        remedy: "Copy it again, whole: dormouse pin prints it.",
      });
    else if (earlier !== undefined)
      mistakes.push({
        path,
        problem: `is the same pin as pins.${earlier}`,
        remedy: "Write the pin of another key: a spare one, kept offline.",
      });
    else places.set(known, place);
  });
  return mistakes;
}

/** As the device stores it; undefined when it is no pin. */
function normalPin(pin: string): string | undefined {
  try {
    return `sha256/${base64(parsePin(pin))}`;
  } catch {
    return undefined;
  }
}

/** For settings without mistakes. */
export function deviceTls(tls: WrittenTls): TlsSettings {
  const { minVersion, forwardSecrecy, withoutClock, resumption, earlyData } = tls;
  return {
    minVersion,
    pins: (tls.pins ?? []).map((pin) => normalPin(pin)!),
    identity: tls.psk ? "psk" : tls.certificate !== undefined ? "certificate" : "none",
    ...(tls.psk && { pskIdentity: tls.psk.identity }),
    forwardSecrecy,
    withoutClock,
    resumption,
    earlyData,
  };
}

export function tlsReferences({ ca, crl, certificate, key, psk }: WrittenTls): References {
  return {
    ...(ca !== undefined && { ca }),
    ...(crl !== undefined && { crl }),
    ...(certificate !== undefined && certificate !== issued && { certificate }),
    ...(key !== undefined && { key }),
    ...(psk && { psk: psk.key }),
  };
}
