/*
 * ECMA-419 Wi-Fi interface as on an ESP32; the simulated world is the air. `BSSID` in connect, `lease` and `nameServer`
 * are native/station's: the SDK's interface has them not. As there, a connect to one BSSID fails without a word.
 */
import { ask, cancel, mac, reach } from "dormouse/world";

export default class WiFi {
  #onChanged;
  #connection = 200;
  #ask;
  #found;
  #static;
  #nameServer;
  #lease;
  #scan;
  constructor({ onChanged } = {}) {
    this.#onChanged = onChanged;
  }
  close() {
    if (this.#scan !== undefined) cancel(this.#scan);
    this.#scan = undefined;
    this.#drop();
    this.#onChanged = undefined;
  }
  connect({ SSID, password = "", BSSID, channel }) {
    if (SSID === undefined) throw new Error("SSID required");
    if (this.#connection === 300) throw new Error("already connecting");
    this.#drop();
    this.#connection = 300;
    const static_ = this.#static && { address: this.#static.address, nameServer: this.#nameServer };
    const detail = { ssid: SSID, password, ...(BSSID && { bssid: BSSID, channel }), static: static_ };
    this.#ask = ask("wifi", JSON.stringify(detail), (reply) => this.#answered(SSID, reply, BSSID !== undefined));
  }
  disconnect() {
    this.#drop();
  }
  scan({ onFound, onComplete }) {
    if (this.#scan !== undefined) throw new Error("already scanning");
    if (onFound === undefined) throw new Error("onFound required");
    if (this.#connection === 300) throw new Error("scan failed");
    this.#scan = ask("scan", "", (reply) => {
      this.#scan = undefined;
      for (const found of JSON.parse(reply || "[]")) onFound.call(this, found);
      onComplete?.call(this);
    });
  }
  configure(options) {
    if (!("static" in options)) return;
    this.#static = options.static;
    if (this.#connection < 400) return;
    if (this.#static) return this.#addressed(this.#static.address);
    this.#connection = 400;
    this.#found.address = undefined;
    this.#onChanged?.("connection");
    if (this.#connection === 400) this.#askAddress();
  }
  #drop() {
    if (this.#ask !== undefined) cancel(this.#ask);
    this.#ask = this.#found = this.#lease = undefined;
    this.#connection = 200;
  }
  #answered(SSID, reply, silently) {
    const [verdict, BSSID, channel, RSSI, reached] = reply.split(" ");
    this.#ask = undefined;
    if (verdict !== "ok") {
      this.#connection = 200;
      if (!silently) this.#onChanged?.("connection");
      return;
    }
    this.#found = { SSID, BSSID, RSSI: Number(RSSI), channel: Number(channel) };
    this.#connection = 400;
    if (this.#static) {
      reach(reached === "reached");
      return this.#addressed(this.#static.address);
    }
    this.#onChanged?.("connection");
    if (this.#connection === 400) this.#askAddress(); // not closed in the callback
  }
  #askAddress() {
    this.#ask = ask("dhcp", "", (reply) => {
      const [address, mask, gateway, nameServer, seconds] = reply.split(" ");
      this.#ask = undefined;
      this.#lease = { address, mask, gateway, nameServer, seconds: Number(seconds) };
      reach(true);
      this.#addressed(address);
    });
  }
  #addressed(address) {
    this.#found.address = address;
    this.#connection = 500;
    this.#onChanged?.("connection");
    if (this.#found) this.#onChanged?.("address");
  }
  get connection() { return this.#connection; }
  get address() { return this.#found?.address; }
  get MAC() { return mac(); }
  get SSID() { return this.#found?.SSID; }
  get BSSID() { return this.#found?.BSSID; }
  get RSSI() { return this.#found?.RSSI; }
  get channel() { return this.#found?.channel; }
  get lease() { return this.#lease; }
  set nameServer(address) { this.#nameServer = address; }
}
