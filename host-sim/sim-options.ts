/** What a simulation run is told: everything read, checked and filled in by the command line. */
import type { Profile } from "../lib/store/profile.js";
import type { BoardName } from "./board.js";
import type { LineFault } from "./device.js";
import type { Battery } from "./energy/battery.js";
import type { Fault } from "./faults/fault.js";

/** A root certificate, in the form that MQTT.js wants and in the form that a device stores. */
export interface TrustAnchor {
  readonly pem: string;
  readonly der: Uint8Array;
}

/** A broker that is not the embedded one. */
export interface ExternalBroker {
  readonly host: string;
  readonly port: number;
  /** false: plain TCP. */
  readonly tls: boolean;
  /** null: plain TCP, or the profile's pins or PSK say who the broker is. */
  readonly ca: TrustAnchor | null;
}

/** What TLS needs beside the profile and the CA, as a device stores it; null: not used. */
export interface TlsCredentials {
  /** DER. */
  readonly crl: Uint8Array | null;
  /**
   * The device's own: DER, or PEM when there are certificates between it and the CA. Null though the profile's identity
   * is a certificate: the run issues one, for its embedded broker.
   */
  readonly certificate: Uint8Array | null;
  /** PKCS #8, DER. */
  readonly key: Uint8Array | null;
  readonly psk: Uint8Array | null;
}

/** What the device logs in with, as far as that is stored; null: not used. */
export interface AccountSecrets {
  readonly brokerPassword: string | null;
  /** The shared bytes of HS256; of ES256 a P-256 key, PKCS #8 in DER. */
  readonly jwtKey: Uint8Array | null;
}

export interface Secrets extends TlsCredentials, AccountSecrets {
  /** Empty: an open network. */
  readonly wifiPassword: string;
  /** What the device signs its messages with: P-256, PKCS #8 in DER; null: it does not. */
  readonly signKey: Uint8Array | null;
}

export interface SimOptions {
  /** How many times each board wakes; Infinity when `forMs` says how long they live. */
  readonly cycles: number;
  /** No board wakes later than so many milliseconds after the first one; null: `cycles` counts. */
  readonly forMs: number | null;
  /** More than one: a fleet, each under a number of its own. */
  readonly devices: number;
  readonly board: BoardName;
  /** null: start the embedded broker, and put its port into the profile. */
  readonly broker: ExternalBroker | null;
  /** With the flags worked in: its interval, and its broker's host, port and TLS when external. */
  readonly profile: Profile;
  readonly secrets: Secrets;
  /** The device's own, 32 bytes; null: a new one. */
  readonly deviceSecret: Uint8Array | null;
  /** Whoever the device seals to opens with it: P-256, PKCS #8 in DER; null: it seals to nobody. */
  readonly recipientKey: Uint8Array | null;
  /** Its serial port by a name (`sim:NAME`), one device's, and what befalls the bytes there; null: it has none. */
  readonly serial: { readonly name: string; readonly line: readonly LineFault[] } | null;
  readonly realtime: boolean;
  readonly json: boolean;
  /** Absolute path of the NSS key log to append to. */
  readonly keylog: string | null;
  /** Absolute path of the capture that the run begins anew. */
  readonly pcap: string | null;
  /** Absolute path of the page that is written at the end. */
  readonly report: string | null;
  /** What the estimate of a battery's life is for; null: none is made. */
  readonly battery: Battery | null;
  /** What befalls the devices. */
  readonly faults: readonly Fault[];
  /** 32 bits; drawn at random when not given, and worth printing. */
  readonly seed: number;
  /** By how much the clock of the sleeping board is too fast, in millionths. */
  readonly driftPpm: number;
}
