/**
 * Joins the access point: the remembered one without a scan, with the remembered address, and any when that comes to
 * nothing. The caller's deadline bounds it.
 */
import WiFi from "embedded:network/interface/wifi";
import { type Joined, maskOf } from "dormouse/cycle/join-cache";
import { type Failure, failure } from "dormouse/failure";
import { connectTo, readLease, setNameServer } from "dormouse/native/station";
import type { NetworkCache } from "dormouse/store/rtc-network";
import Timer from "timer";

/** What the SDK's interface has besides, and its typings leave out. */
interface Found {
  readonly BSSID: string | undefined;
  readonly channel: number | undefined;
}

export interface AccessPoint {
  readonly ssid: string;
  readonly password: string;
}

/** How often a join is tried: one lost frame must not cost a wake. */
const joinAttempts = 2;
/** An ESP32 tells of its IPv4 address only once it has an IPv6 one too, so it is asked. */
const addressPollMs = 50;
/** As long as the remembered access point may take: it needs a second for its key. Nobody tells when it is not there. */
const aimedMs = 2000;
/** So that the driver has left the one before it joins another. */
const leaveMs = 50;

export class Station {
  private readonly options: { readonly SSID: string; readonly password?: string };
  private readonly done: (reason: Failure | undefined) => void;
  private readonly wifi: WiFi;
  private attempts = 0;
  /** Until there is an address, or no hope of one. */
  private busy = true;
  private timer: Timer | undefined;
  /** The remembered access point is being joined, or has been. */
  aimed = false;
  /** The address is the remembered one. */
  fixed = false;

  /**
   * @param known only access point and lease are used of it
   * @param done called once there is an IPv4 address, and again after each `renew`
   */
  constructor(
    { ssid, password }: AccessPoint,
    { bssid, channel, lease }: NetworkCache,
    done: (reason: Failure | undefined) => void,
  ) {
    this.options = password ? { SSID: ssid, password } : { SSID: ssid };
    this.done = done;
    this.wifi = new WiFi({ onChanged: () => this.changed() });
    if (lease) {
      const { address, prefixLength, gateway, nameServer } = lease;
      this.fixed = true;
      this.wifi.configure({ static: { address, mask: maskOf(prefixLength), gateway } });
      setNameServer(this.wifi, nameServer);
    }
    if (bssid && channel) {
      this.aimed = true;
      connectTo(this.wifi, { ...this.options, BSSID: text(bssid), channel });
      this.timer = Timer.set(() => this.fallBack(), aimedMs);
    } else this.scan();
  }

  /** The strength of its signal, in dBm; undefined when it is not known. */
  get rssi(): number | undefined {
    return this.wifi.RSSI;
  }

  get joined(): Joined {
    const { BSSID, channel, RSSI } = this.wifi as WiFi & Found;
    return {
      bssid: BSSID === undefined ? undefined : bytes(BSSID),
      channel,
      rssi: RSSI,
      lease: this.fixed ? undefined : readLease(this.wifi),
    };
  }

  /** The remembered address has served nobody: one by DHCP, at the same access point. */
  renew(): void {
    this.fixed = false;
    this.busy = true;
    this.wifi.configure({ static: false });
    this.look();
  }

  /** The interface is kept until then. */
  close(): void {
    this.settle();
    this.wifi.close();
  }

  private fallBack(): void {
    this.aimed = false;
    this.stopTimer();
    this.wifi.disconnect();
    // Another access point may be of another network.
    if (this.fixed) this.wifi.configure({ static: false });
    this.fixed = false;
    this.timer = Timer.set(() => this.scan(), leaveMs);
  }

  private scan(): void {
    this.stopTimer();
    this.attempts++;
    this.wifi.connect(this.options);
  }

  private changed(): void {
    if (!this.busy) return;
    if (this.wifi.connection > 200) return this.look();
    if (this.aimed) return this.fallBack();
    if (this.attempts < joinAttempts) return this.scan();
    this.settle();
    this.done(failure("network-unavailable", `no access to the Wi-Fi network "${this.options.SSID}"`));
  }

  private look(): void {
    const { connection, address } = this.wifi;
    if (!this.busy || connection < 400) return;
    this.stopTimer();
    if (!address?.includes(".")) {
      this.timer = Timer.set(() => this.look(), addressPollMs);
      return;
    }
    this.settle();
    this.done(undefined);
  }

  private settle(): void {
    this.busy = false;
    this.stopTimer();
  }

  private stopTimer(): void {
    if (this.timer) Timer.clear(this.timer);
    this.timer = undefined;
  }
}

function text(bssid: Uint8Array): string {
  return Array.from(bssid, (byte) => (byte < 16 ? "0" : "") + byte.toString(16)).join(":");
}

/** Some drivers say zeros when they do not know. */
function bytes(bssid: string): Uint8Array | undefined {
  const parts = Uint8Array.from(bssid.split(":"), (part) => Number.parseInt(part, 16));
  return parts.some((byte) => byte !== 0) ? parts : undefined;
}
