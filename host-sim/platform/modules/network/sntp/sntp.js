/* The SDK's SNTP client; the simulated world answers. */
import { ask, cancel } from "dormouse/world";

export default class SNTP {
  #ask;
  constructor({ host }, callback) {
    this.#ask = ask("sntp", host, (seconds) => {
      this.#ask = undefined;
      if (seconds) callback(SNTP.time, Number(seconds));
      else callback(SNTP.error, "no response from SNTP server");
    });
  }
  close() {
    if (this.#ask !== undefined) cancel(this.#ask);
    this.#ask = undefined;
  }
  static time = 1;
  static retry = 2;
  static error = -1;
}
