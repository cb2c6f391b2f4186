/** What boards differ in. */
import { rtcBytes } from "dormouse/native/power";

/** An ESP8266: half a kilobyte of RTC memory, 28 KB for the machine. */
export function isSmall(): boolean {
  return rtcBytes() < 2048;
}
