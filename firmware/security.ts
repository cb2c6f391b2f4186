/**
 * The TLS side of a wake: whom to trust and what to show, from profile and flash; which session to take up, and
 * to keep for the next wake; what a failure says about the clock and about that session.
 */

import type { Failure, FailureKind } from "dormouse/failure";
import { Secret } from "dormouse/native/crypto";
import { rtcBytes } from "dormouse/native/power";
import type { Device } from "dormouse/store/device-record";
import type { TlsSettings } from "dormouse/store/profile";
import type { TLSOptions } from "dormouse/tls/options";
import type { Secured } from "dormouse/tls/session";
import { Link, type LinkOptions } from "./link.js";
import type { Memory } from "./memory.js";
import { openCredentials, raiseTimeFloor, timeFloor } from "./provisioned.js";

/** Of a handshake that took up a session: what a full one may mend. */
const sessionFaults: readonly FailureKind[] = [
  "connection-lost",
  "tls-no-common-suite",
  "tls-protocol",
  "tls-psk-refused",
  "tls-refused",
  "tls-version",
];

export class Security {
  readonly #hostName: string;
  readonly #settings: TlsSettings;
  readonly #secret: Secret | undefined;
  readonly #memory: Memory;
  readonly #handshakeTimeoutMs: number;
  #offered = false;
  #resumed = false;

  constructor(
    hostName: string,
    settings: TlsSettings,
    { secret }: Device,
    memory: Memory,
    handshakeTimeoutMs: number,
  ) {
    this.#hostName = hostName;
    this.#settings = settings;
    this.#secret = secret instanceof Secret ? secret : undefined;
    this.#memory = memory;
    this.#handshakeTimeoutMs = handshakeTimeoutMs;
  }

  /**
   * Opens a link over TLS. The keys are zeroed as soon as they are handed on.
   * @throws RangeError or TypeError when what was provisioned cannot be used; Error when memory is short
   */
  connect(options: LinkOptions): Link {
    const { identity, pskIdentity, minVersion, pins, forwardSecrecy, withoutClock, earlyData } = this.#settings;
    const { ca, crl, certificate, key, psk } = openCredentials(identity);
    const tls: TLSOptions = {
      hostName: this.#hostName,
      minVersion,
      alpn: ["mqtt"],
      timeFloorSeconds: timeFloor(),
      clock: this.#memory.clock,
      withoutClock,
      ...(pins.length > 0 && { pins }),
      ...(ca && { ca }),
      ...(crl && { crl }),
      ...(certificate && key && { identity: { certificate, key } }),
      ...(psk && { psk: { identity: pskIdentity ?? "", key: psk, forwardSecrecy } }),
      ...this.#resumption(),
    };
    try {
      return new Link({ ...options, tls, handshakeTimeoutMs: this.#handshakeTimeoutMs, early: earlyData });
    } finally {
      key?.fill(0);
      psk?.fill(0);
    }
  }

  /** A ticket is offered once (RFC 8446 §C.4): whoever watches could tell the board by it. */
  #resumption(): Pick<TLSOptions, "resumption"> | undefined {
    const { resumption } = this.#settings;
    if (!resumption || !this.#secret) return undefined;
    const saved = this.#memory.session;
    this.#memory.session = undefined;
    this.#offered = saved !== undefined;
    const { maxAgeSeconds } = resumption;
    const maxBytes = maxSessionBytes();
    return { resumption: { secret: this.#secret, maxAgeSeconds, maxBytes, ...(saved && { saved }) } };
  }

  /** The handshake is done: the server's certificate tells what time it is at least. */
  secured({ notBeforeSeconds, resumed }: Secured): void {
    this.#resumed = resumed;
    raiseTimeFloor(notBeforeSeconds);
  }

  get resumed(): boolean {
    return this.#resumed;
  }

  /** @returns whether the connection is worth another try in this wake, without the session that was offered */
  failed({ kind }: Failure): boolean {
    if (kind === "clock-suspect" || kind === "tls-expired" || kind === "tls-not-yet-valid")
      this.#memory.distrustClock();
    const again = this.#offered && sessionFaults.includes(kind);
    this.#offered = false;
    return again;
  }

  /** How long a session ticket may be waited for at the end of a wake. */
  get ticketWaitMs(): number {
    const { resumption } = this.#settings;
    return resumption ? 1000 * resumption.ticketWaitSeconds : 0;
  }
}

/** Readings have the better claim to RTC memory. */
function maxSessionBytes(): number {
  return rtcBytes() < 2048 ? 320 : 1024;
}
