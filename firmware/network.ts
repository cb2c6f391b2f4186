/** What is asked of the network: the time, and the broker's address. The caller's deadline bounds each. */
import { type Failure, failure } from "dormouse/failure";
import { setClock as setBoardClock } from "dormouse/native/power";
import SNTP from "sntp";
import { plausible } from "./clock.js";
import { timeFloor } from "./provisioned.js";

export interface Closable {
  close(): void;
}

type Done<T> = (failure: Failure | undefined, value?: T) => void;

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

export function isAddress(host: string): boolean {
  return host.includes(":") || Array.from(host).every((one) => one === "." || (one >= "0" && one <= "9"));
}

/** The IP address of a name, "" when there is none; an IP address is its own. Sockets take no names on a board. */
export function resolve(name: string, done: (address: string) => void): void {
  if (isAddress(name)) return done(name);
  System.resolve(name, (_, address) => done(address ?? ""));
}
