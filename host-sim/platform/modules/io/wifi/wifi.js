/* ECMA-419 Wi-Fi interface as on an ESP32; the simulated world is the air. */
import { ask, cancel } from "dormouse/world";

export default class WiFi {
  #onChanged;
  #connection = 200;
  #ask;
  #found;
  constructor({ onChanged } = {}) {
    this.#onChanged = onChanged;
  }
  close() {
    this.#drop();
    this.#onChanged = undefined;
  }
  connect({ SSID, password = "" }) {
    if (SSID === undefined) throw new Error("SSID required");
    if (this.#connection === 300) throw new Error("already connecting");
    this.#connection = 300;
    this.#ask = ask("wifi", JSON.stringify({ ssid: SSID, password }), (reply) => this.#answered(SSID, reply));
  }
  disconnect() {
    this.#drop();
  }
  #drop() {
    if (this.#ask !== undefined) cancel(this.#ask);
    this.#ask = this.#found = undefined;
    this.#connection = 200;
  }
  #answered(SSID, reply) {
    const [verdict, address, RSSI, channel] = reply.split(" ");
    this.#ask = undefined;
    if (verdict !== "ok") {
      this.#connection = 200;
      this.#onChanged?.("connection");
      return;
    }
    this.#connection = 400;
    this.#onChanged?.("connection");
    if (this.#connection !== 400) return; // closed in the callback
    this.#found = { SSID, address, RSSI: Number(RSSI), channel: Number(channel) };
    this.#connection = 500;
    this.#onChanged?.("connection");
    if (this.#found) this.#onChanged?.("address");
  }
  get connection() { return this.#connection; }
  get address() { return this.#found?.address; }
  get SSID() { return this.#found?.SSID; }
  get RSSI() { return this.#found?.RSSI; }
  get channel() { return this.#found?.channel; }
}
