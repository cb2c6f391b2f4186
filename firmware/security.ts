/**
 * The TLS side of a wake: whom to trust and what to show, from profile and flash; which session to take up, and
 * to keep for the next wake; what a failure says about the clock and about that session.
 */

import type { Failure, FailureKind } from "dormouse/failure";
import { Secret } from "dormouse/native/crypto";
import type { Device } from "dormouse/store/device-record";
import type { TlsSettings } from "dormouse/store/profile";
import type { TLSOptions } from "dormouse/tls/options";
import type { Secured } from "dormouse/tls/session";
import { isSmall } from "./board.js";
import type { Link } from "./link.js";
import type { Memory } from "./memory.js";
import { maxFloorAheadSeconds, openCredentials, openPins, raiseTimeFloor, timeFloor } from "./provisioned.js";
import { builtAtSeconds } from "./release.js";

/** Of a connection for which a session was offered: what a full handshake may mend. */
const sessionFaults: readonly FailureKind[] = [
  "connection-lost",
  "tls-client-auth-refused",
  "tls-no-common-suite",
  "tls-protocol",
  "tls-psk-refused",
  "tls-refused",
  "tls-truncated",
  "tls-version",
];

/**
 * How CONNACK says that the broker does not know who this is (MQTT 5 §3.2.2.2, MQTT 3.1.1 §3.2.2.3). Mosquitto 2.0
 * takes a user name from a PSK's full handshake only.
 */
const anonymous: readonly number[] = [133, 134, 135, 2, 4, 5];

/** For so many wakes no session is kept, once it was the session that made the broker refuse. */
const refusedPauseWakes = 255;
/** The same when the broker did not answer, which may also be its load. */
const stalledPauseWakes = 15;

export class Security {
  readonly #hostName: string;
  readonly #settings: TlsSettings;
  readonly #secret: Secret | undefined;
  readonly #memory: Memory;
  readonly #handshakeTimeoutMs: number;
  #offered = false;
  #resumed = false;
  #matchedPins = 0;
  /** In this wake there is no resumption. */
  #paused: boolean;
  #setback: FailureKind | undefined;

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
    this.#paused = memory.tlsPause > 0;
    if (this.#paused) memory.tlsPause--;
    this.#handshakeTimeoutMs = handshakeTimeoutMs;
  }

  /** Whether CONNECT may go out as early data. */
  get early(): boolean {
    return this.#settings.earlyData;
  }

  /**
   * Opens a link over TLS. The keys are zeroed as soon as they are handed on.
   * @throws RangeError or TypeError when what was provisioned cannot be used; Error when memory is short
   */
  open(link: Link): void {
    const { identity, pskIdentity, minVersion, forwardSecrecy, withoutClock } = this.#settings;
    const pins = openPins(this.#settings.pins);
    const { ca, crl, certificate, key, psk } = openCredentials(identity);
    try {
      const tls: TLSOptions = {
        hostName: this.#hostName,
        minVersion,
        alpn: ["mqtt"],
        timeFloorSeconds: timeFloor(),
        clock: this.#memory.clock,
        withoutClock,
        ...(pins && pins.length > 0 && { pins }),
        ...(ca && { ca }),
        ...(crl && { crl }),
        ...(certificate && key && { identity: { certificate, key } }),
        ...(psk && { psk: { identity: pskIdentity ?? "", key: psk, forwardSecrecy } }),
        ...this.resumption(),
      };
      // It must not go on as nobody, nor believe more than it was told.
      if (!pins) throw new RangeError("the pins cannot be read");
      if (identity === "certificate" && !tls.identity) throw new RangeError("certificate or key is missing");
      if (this.#settings.ca && !ca) throw new RangeError("the CA is missing");
      if (this.#settings.crl && !crl) throw new RangeError("the CRL is missing");
      link.open(tls, this.#handshakeTimeoutMs);
    } finally {
      key?.fill(0);
      psk?.fill(0);
    }
  }

  private resumption(): Pick<TLSOptions, "resumption"> | undefined {
    const { resumption } = this.#settings;
    if (!resumption || !this.#secret || this.#paused) return undefined;
    const saved = this.#memory.session;
    this.#offered = saved !== undefined;
    const { maxAgeSeconds } = resumption;
    const maxBytes = maxSessionBytes();
    return { resumption: { secret: this.#secret, maxAgeSeconds, maxBytes, ...(saved && { saved }) } };
  }

  /** The handshake is done: the certificate that a CA vouches for tells what time it is at least. */
  secured({ notBeforeSeconds, resumed, matchedPins }: Secured): void {
    this.#resumed = resumed;
    this.#matchedPins = matchedPins;
    if (!resumed) this.forget();
    // A CA that errs by decades must not lock the device out; SNTP, which can be forged, is no witness for it.
    if (notBeforeSeconds < builtAtSeconds + maxFloorAheadSeconds) raiseTimeFloor(notBeforeSeconds);
  }

  private forget(): void {
    this.#memory.session = undefined;
  }

  private pause(wakes: number): void {
    this.#paused = true;
    this.#memory.tlsPause = wakes;
  }

  get resumed(): boolean {
    return this.#resumed;
  }

  /** One bit for each pin, the first lowest: those that the server has shown, in this connection or the one it resumes. */
  get matchedPins(): number {
    return this.#matchedPins;
  }

  /** For the log: what made a second connection necessary. */
  get setback(): string {
    return this.#setback ? `, in full after ${this.#setback}` : "";
  }

  /**
   * The connection failed before the MQTT session stood. The TLS session that was offered is gone.
   * @returns whether it is worth another try in this wake, without that session
   */
  failed({ kind, code }: Failure): boolean {
    if (kind === "clock-suspect" || kind === "tls-expired" || kind === "tls-not-yet-valid")
      this.#memory.distrustClock();
    const refused = kind === "broker-refused" && this.#resumed && anonymous.includes(code);
    const again = this.#offered && (refused || sessionFaults.includes(kind));
    this.forget();
    // Who swallows the offer has spent this wake's time, but not the next one's.
    if (this.#offered && refused) this.pause(refusedPauseWakes);
    if (this.#offered && kind === "tls-timeout") this.pause(stalledPauseWakes);
    // Refused in full as well: then it was not the session's fault.
    if (kind === "broker-refused" && this.#setback === kind) this.#memory.tlsPause = 0;
    this.#offered = false;
    if (again) this.#setback = kind;
    return again;
  }

  /**
   * How long a session ticket may be waited for at the end of a wake. Not after a resumption: a server that
   * wants its ticket replaced has sent the new one by now, and the old one serves again. Not with a PSK: none comes.
   */
  get ticketWaitMs(): number {
    const { resumption, identity } = this.#settings;
    if (!resumption || this.#resumed || this.#paused || identity === "psk") return 0;
    return 1000 * resumption.ticketWaitSeconds;
  }

  /**
   * At the end of a wake that reached the broker: the newest session is kept for the next.
   * @param link undefined: TLS stood, but the broker did not do its work, which may be the session's fault
   */
  keep(link: Link | undefined): void {
    const saved = link?.saveSession();
    if (saved) this.#memory.session = new Uint8Array(saved);
    else if (!link) this.forget();
  }
}

/** On an ESP8266 what OpenSSL's tickets need, when no reading waits: those have the better claim to RTC memory. */
function maxSessionBytes(): number {
  return isSmall() ? 384 : 1024;
}
