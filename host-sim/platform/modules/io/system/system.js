/* The SDK's `system`: sets globalThis.System. Of it only name resolution; timers and sleep have modules of their own. */
import { ask } from "dormouse/world";

class System {
  static resolve(name, callback) {
    ask("dns", name, (address) => callback(name, address || undefined));
  }
}

globalThis.System = System;
