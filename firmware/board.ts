/** What boards differ in: what the chip has, and what their manifest's `config` says. */
import { rtcBytes } from "dormouse/native/power";
import config from "mc/config";

/** An ESP8266: half a kilobyte of RTC memory, 28 KB for the machine. */
export function isSmall(): boolean {
  return rtcBytes() < 2048;
}

/** As its manifest is called. */
export function boardName(): string {
  return String(config.board ?? "");
}

/** The pin of a button that pulls it low; undefined on a board without one. */
export function buttonPin(): number | undefined {
  return config.button as number | undefined;
}

/** A UART of the chip's, and its pins. */
export interface SerialPort {
  readonly port: number;
  readonly transmit: number;
  readonly receive: number;
}

/** Where a board is provisioned; undefined on one that has no such port. */
export function serialPort(): SerialPort | undefined {
  return config.serial as SerialPort | undefined;
}
