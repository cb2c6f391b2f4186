/**
 * The way to the broker below TCP: join the access point, learn the time when it is unknown, find the
 * address. Each returns what stops it; the caller's deadline bounds it.
 */
import WiFi from "embedded:network/interface/wifi";
import { type Failure, failure } from "dormouse/failure";
import { setClock as setBoardClock } from "dormouse/native/power";
import SNTP from "sntp";
import Timer from "timer";
import { plausible } from "./clock.js";
import { timeFloor } from "./provisioned.js";

export interface Closable {
  close(): void;
}

/** A board at its access point. */
export interface Station extends Closable {
  /** The strength of its signal, in dBm; undefined when it is not known. */
  readonly rssi: number | undefined;
}

export interface AccessPoint {
  readonly ssid: string;
  readonly password: string;
}

type Done<T> = (failure: Failure | undefined, value?: T) => void;

/** How often a join is tried: one lost frame must not cost a wake. */
const joinAttempts = 2;

/** An ESP32 tells of its IPv4 address only once it has an IPv6 one too, so it is asked. */
const addressPollMs = 50;

/** Joins the access point; done once there is an IPv4 address. The interface is kept until it is closed. */
export function join({ ssid, password }: AccessPoint, done: Done<string>): Station {
  const options = password ? { SSID: ssid, password } : { SSID: ssid };
  let attempts = 1;
  let poll: Timer | undefined;
  const settle = (reason: Failure | undefined, address?: string) => {
    stopPolling();
    attempts = Number.POSITIVE_INFINITY;
    done(reason, address);
  };
  const stopPolling = () => {
    if (poll) Timer.clear(poll);
    poll = undefined;
  };
  const look = () => {
    const { connection, address } = wifi;
    if (connection >= 400 && address?.includes(".")) settle(undefined, address);
    else if (connection >= 400) poll ??= Timer.repeat(look, addressPollMs);
  };
  const wifi = new WiFi({
    onChanged() {
      if (attempts > joinAttempts) return;
      if (wifi.connection > 200) return look();
      stopPolling();
      if (attempts++ < joinAttempts) wifi.connect(options);
      else settle(failure("network-unavailable", `no access to the Wi-Fi network "${ssid}"`));
    },
  });
  wifi.connect(options);
  return {
    get rssi() {
      return wifi.RSSI;
    },
    close() {
      stopPolling();
      attempts = Number.POSITIVE_INFINITY;
      wifi.close();
    },
  };
}

/** Sets the clock from an SNTP server. */
export function setClock(server: string, done: Done<number>): Closable {
  const client = new SNTP({ host: server }, (message, value) => {
    if (message === SNTP.time) {
      const seconds = Number(value);
      if (!plausible(seconds, timeFloor()))
        return done(failure("clock-unknown", `${server} gives an impossible time`));
      // It tells whole seconds: on the average it is half of one later.
      setBoardClock(1000 * seconds + 500);
      done(undefined, seconds);
    } else if (message === SNTP.error) done(failure("clock-unknown", `no time from ${server}`));
  });
  // It is a socket and has `close`; the SDK's typings leave that out.
  return client as SNTP & Closable;
}

/** The IP address of a name; an IP address is its own. Sockets take no names on a board. */
export function resolve(name: string, done: Done<string>): void {
  if (/^[0-9.]+$/.test(name) || name.includes(":")) return done(undefined, name);
  System.resolve(name, (_, address) => {
    if (address) done(undefined, address);
    else done(failure("name-unresolved", `no address for ${name}`));
  });
}
