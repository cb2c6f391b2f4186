/** Wi-Fi while a board is provisioned: whether a network lets the board in, and which there are. Each has its time. */
import WiFi from "embedded:network/interface/wifi";
import type { FoundNetwork } from "dormouse/provisioning/device-shell";
import type { NetworkCache } from "dormouse/store/rtc-network";
import Timer from "timer";
import { isSmall } from "../board.js";
import { type AccessPoint, Station } from "../station.js";

const joinMs = 25_000;
const scanMs = 12_000;

/** What the SDK's typings leave out of a network that was found. */
interface Found {
  readonly SSID: string;
  readonly RSSI: number;
  /** "none" on an open network. */
  readonly security?: string;
}

interface Addressed {
  readonly MAC?: string | undefined;
}

const nothingKnown: NetworkCache = Object.freeze({});

/** Whether the board gets an address there. The station is left again. */
export function tryNetwork(accessPoint: AccessPoint, done: (ok: boolean) => void): void {
  let station: Station | undefined;
  const end = (ok: boolean) => {
    if (!station) return;
    Timer.clear(timer);
    station.close();
    station = undefined;
    done(ok);
  };
  const timer = Timer.set(() => end(false), joinMs);
  station = new Station(accessPoint, nothingKnown, (reason) => end(reason === undefined));
}

/** The strongest of each name, strongest first. */
export function findNetworks(done: (networks: readonly FoundNetwork[]) => void): void {
  const most = isSmall() ? 8 : 24;
  const networks: FoundNetwork[] = [];
  let wifi: WiFi | undefined = new WiFi({});
  const end = () => {
    if (!wifi) return;
    Timer.clear(timer);
    wifi.close();
    wifi = undefined;
    done(networks);
  };
  const timer = Timer.set(end, scanMs);
  wifi.scan({ onFound: (found) => keep(networks, found, most), onComplete: end });
}

function keep(networks: FoundNetwork[], { SSID: ssid, RSSI: rssi, security }: Found, most: number): void {
  if (ssid === "") return;
  const same = networks.findIndex((one) => one.ssid === ssid);
  if (same >= 0 && networks[same]!.rssi >= rssi) return;
  if (same >= 0) networks.splice(same, 1);
  const weaker = networks.findIndex((one) => one.rssi < rssi);
  const found = { ssid, rssi, secured: security !== "none" };
  networks.splice(weaker < 0 ? networks.length : weaker, 0, found);
  if (networks.length > most) networks.pop();
}

/** 12 hex digits; empty where the driver does not say. It needs the radio's driver, so it is asked for late. */
export function macAddress(): string {
  const wifi: WiFi & Addressed = new WiFi({});
  const mac = wifi.MAC ?? "";
  wifi.close();
  return mac.split(":").join("").toLowerCase();
}
