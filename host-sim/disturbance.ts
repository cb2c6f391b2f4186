/** What a run may be told to do to its device: the faults of the simulated world. Absent: a quiet run. */
import type { FlashEntry } from "../lib/store/flash-entries.js";
import type { Profile } from "../lib/store/profile.js";
import type { BootCause, BootEnd, Device, LinkFault, MemoryFault, PowerFault } from "./device.js";
import type { FlashEntry as StoredEntry } from "./flash.js";
import type { AccountSecrets, TlsCredentials } from "./sim-options.js";
import type { Broker } from "./world/broker.js";
import type { ListenerTls } from "./world/listener-tls.js";
import type { World } from "./world/network.js";

/** What provisioning wrote, as far as a fault may change it. */
export interface Provisioned extends TlsCredentials, AccountSecrets {
  readonly profile: Profile;
  /** The root certificate, DER; null without. */
  readonly ca: Uint8Array | null;
  /** See Secrets. */
  readonly signKey: Uint8Array | null;
}

/** What outlives a boot. */
export interface Memories {
  /** All of it. */
  readonly rtc: Uint8Array;
  readonly flash: readonly StoredEntry[];
}

/** What was done to the board or its world, for the report. */
export interface Done {
  /** The fault's. */
  readonly name: string;
  readonly detail: string;
}

/** What is not named stays as it is. */
type Change = Partial<Memories> | undefined;

export interface Disturbance {
  /**
   * Before each boot, once: settles what the others say of it, and does what is done to a sleeping board.
   * @param moment of the boot: the wake, from 1, and milliseconds since the run began
   * @param broker the embedded one
   */
  readonly before?:
    | ((
        moment: { readonly wake: number; readonly ms: number },
        device: Device,
        broker: Broker | undefined,
      ) => Promise<readonly Done[]>)
    | undefined;
  /** After each boot: what became of it. */
  readonly after?: ((end: BootEnd) => readonly Done[]) | undefined;
  /** Whether a question of the board (`wifi`, `dns` …) is never answered. */
  readonly unanswered?: ((question: string) => boolean) | undefined;
  /** The network at each of the board's questions. */
  readonly network?: ((quiet: World) => World) | undefined;
  /** What the board's TCP connections meet in a wake. */
  readonly link?: ((wake: number) => readonly LinkFault[]) | undefined;
  /** Why the board boots: `power-on` loses RTC memory. `wake` counts from 1. */
  readonly cause?: ((wake: number, usual: BootCause) => BootCause) | undefined;
  /** What RTC memory and flash do with writes: from a boot on, and from the answer to each question on. */
  readonly memory?: ((wake: number, asked?: string) => MemoryFault | readonly MemoryFault[]) | undefined;
  /** Whether the power fails within the wake. The next boot is then a `power-on`, or a `brown-out` after a sag. */
  readonly power?: ((wake: number) => PowerFault | undefined) | undefined;
  /** After a wake: what there is in the sleeping board's memories, and what somebody makes of it. */
  readonly asleep?: ((wake: number, kept: Memories, end: BootEnd) => Change | Promise<Change>) | undefined;
  /** By how much the clock is too fast in the sleep after a wake, in millionths; instead of the run's own drift. */
  readonly drift?: ((wake: number) => number) | undefined;
  /**
   * After how many milliseconds of the sleep after a wake the pin that ends it comes to its level; if it does.
   * @param sleep when it begins and would end, in milliseconds since the run began
   */
  readonly pin?:
    | ((wake: number, sleep: { readonly fromMs: number; readonly toMs: number }) => number | undefined)
    | undefined;
  /** What was written to the device's flash. What does not fit together is not written: see flashEntries(). */
  readonly provisioned?: ((right: Provisioned) => Provisioned) | undefined;
  /** What became of it there: entries that are missing or damaged. */
  readonly flash?: ((written: FlashEntry[]) => FlashEntry[]) | undefined;
  /** The listener's own way to an external broker, where the device's is disturbed. */
  readonly listenerPort?: number | undefined;
  /** How it gets in there, when not as the device does; null: plain TCP. */
  readonly listenerTls?: ListenerTls | null | undefined;
  /** null: without a WebSocket, whatever the device does. */
  readonly listenerWebsocket?: null | undefined;
  /** The highest TLS version of the embedded broker. */
  readonly brokerMaxVersion?: "TLSv1.2" | undefined;
}
