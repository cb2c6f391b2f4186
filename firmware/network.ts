/**
 * The way to the broker below TCP: join the access point, learn the time when it is unknown, find the
 * address. Each returns what stops it; the caller's deadline bounds it.
 */
import WiFi from "embedded:network/interface/wifi";
import { type Failure, failure } from "dormouse/failure";
import SNTP from "sntp";
import Time from "time";

export interface Closable {
  close(): void;
}

export interface AccessPoint {
  readonly ssid: string;
  readonly password: string;
}

type Done<T> = (failure: Failure | undefined, value?: T) => void;

/** Joins the access point; done once there is an address. The interface is kept open until it is closed. */
export function join({ ssid, password }: AccessPoint, done: Done<string>): Closable {
  let settled = false;
  const wifi = new WiFi({
    onChanged() {
      if (settled) return;
      // 400 is "associated"; an ESP32 stays there while it has IPv4 but no IPv6 address yet.
      if (wifi.connection >= 400 && wifi.address) {
        settled = true;
        done(undefined, wifi.address);
      } else if (wifi.connection <= 200) {
        settled = true;
        done(failure("network-unavailable", `no access to the Wi-Fi network "${ssid}"`));
      }
    },
  });
  wifi.connect(password ? { SSID: ssid, password } : { SSID: ssid });
  return wifi;
}

/** Sets the clock from an SNTP server. */
export function setClock(server: string, done: Done<number>): Closable {
  return new SNTP({ host: server }, (message, value) => {
    if (message === SNTP.time) {
      Time.set(value as number);
      done(undefined, value as number);
    } else if (message === SNTP.error) done(failure("clock-unknown", `no time from ${server}`));
  });
}

/** The IP address of a name; an IP address is its own. Sockets take no names on a board. */
export function resolve(name: string, done: Done<string>): void {
  if (/^[0-9.]+$/.test(name) || name.includes(":")) return done(undefined, name);
  System.resolve(name, (_, address) => {
    if (address) done(undefined, address);
    else done(failure("name-unresolved", `no address for ${name}`));
  });
}
