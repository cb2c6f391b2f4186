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
    const { identity, pskIdentity, minVersion, pins, forwardSecrecy, withoutClock, earlyData } =
      this.#settings;
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

  #resumption(): Pick<TLSOptions, "resumption"> | undefined {
    const { resumption } = this.#settings;
    if (!resumption || !this.#secret) return undefined;
    const saved = this.#memory.session;
    this.#offered = saved !== undefined;
    const { maxAgeSeconds } = resumption;
    const maxBytes = maxSessionBytes();
    return { resumption: { secret: this.#secret, maxAgeSeconds, maxBytes, ...(saved && { saved }) } };
  }

  /** The handshake is done: the server's certificate tells what time it is at least. */
  secured({ notBeforeSeconds, resumed }: Secured): void {
    this.#resumed = resumed;
    if (!resumed) this.#memory.session = undefined;
    raiseTimeFloor(notBeforeSeconds);
  }

  get resumed(): boolean {
    return this.#resumed;
  }

  /**
   * The connection failed before it was secure. The session that was offered is gone.
   * @returns whether it is worth another try in this wake, without that session
   */
  failed({ kind }: Failure): boolean {
    if (kind === "clock-suspect" || kind === "tls-expired" || kind === "tls-not-yet-valid")
      this.#memory.distrustClock();
    this.#memory.session = undefined;
    return this.#offered && sessionFaults.includes(kind);
  }

  /**
   * How long a session ticket may be waited for at the end of a wake. Not after a resumption: a server that
   * wants its ticket replaced has sent the new one by now, and the old one serves again.
   */
  get ticketWaitMs(): number {
    const { resumption } = this.#settings;
    return resumption && !this.#resumed ? 1000 * resumption.ticketWaitSeconds : 0;
  }

  /** At the end of the wake: the newest session is kept for the next. */
  keep(link: Link): void {
    const saved = link.saveSession();
    if (saved) this.#memory.session = new Uint8Array(saved);
  }
}

/** On an ESP8266 what OpenSSL's tickets need, when no reading waits: those have the better claim to RTC memory. */
function maxSessionBytes(): number {
  return rtcBytes() < 2048 ? 384 : 1024;
}
