/**
 * Web Serial for a page in a headless browser, stubbed at the port alone: streams and signals as the standard has them,
 * bytes to and from whatever the test puts behind it. It goes over the DevTools protocol, so the page's own policy stays
 * as it is.
 */
import type { Chromium } from "../chromium.js";

/** What stands behind the port. */
export interface FarEnd {
  opened?(baudRate: number): void;
  closed?(): void;
  signals?(signals: { dataTerminalReady?: boolean; requestToSend?: boolean }): void;
  received(bytes: Uint8Array): void;
}

export class StubbedSerial {
  readonly #browser: Chromium;
  #farEnd: FarEnd | undefined;
  #sending: Promise<unknown> = Promise.resolve();

  private constructor(browser: Chromium) {
    this.#browser = browser;
  }

  /** For the pages opened from now on. */
  static async in(browser: Chromium): Promise<StubbedSerial> {
    const serial = new StubbedSerial(browser);
    await browser.bind("toFarEnd", (text) => serial.#told(JSON.parse(text)));
    await browser.before(`(${inPage})()`);
    return serial;
  }

  connect(farEnd: FarEnd): void {
    this.#farEnd = farEnd;
  }

  /** Bytes for the page, in order. */
  send(bytes: Uint8Array): void {
    const base64 = Buffer.from(bytes).toString("base64");
    this.#sending = this.#sending
      .then(() => this.#browser.evaluate(`fromFarEnd(${JSON.stringify(base64)})`))
      .catch(() => {}); // the page has gone
  }

  /** The cable is pulled out; the page may open the port again. */
  async unplug(): Promise<void> {
    await this.#browser.evaluate("unplug()");
  }

  #told(what: {
    open?: number;
    close?: true;
    write?: string;
    signals?: { dataTerminalReady?: boolean; requestToSend?: boolean };
  }): void {
    if (what.open !== undefined) this.#farEnd?.opened?.(what.open);
    if (what.close) this.#farEnd?.closed?.();
    if (what.signals) this.#farEnd?.signals?.(what.signals);
    if (what.write !== undefined) this.#farEnd?.received(Buffer.from(what.write, "base64"));
  }
}

/** In the page, before its own scripts. */
function inPage(): void {
  const tell = (what: object) =>
    (globalThis as unknown as { toFarEnd(text: string): void }).toFarEnd(JSON.stringify(what));
  let isOpen = false;
  let readable: ReadableStream<Uint8Array> | null = null;
  let writable: WritableStream<Uint8Array> | null = null;
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  const port = {
    /** After one stream has ended there is another, as long as the port is open. */
    get readable() {
      if (isOpen && !controller)
        readable = new ReadableStream<Uint8Array>({
          start: (made) => {
            controller = made;
          },
          cancel: () => {
            controller = undefined;
          },
        });
      return isOpen ? readable : null;
    },
    get writable() {
      return isOpen ? writable : null;
    },
    async open({ baudRate }: { baudRate: number }) {
      if (isOpen) throw new DOMException("The port is already open.", "InvalidStateError");
      isOpen = true;
      writable = new WritableStream<Uint8Array>({
        write: (chunk) => tell({ write: btoa(String.fromCharCode(...chunk)) }),
      });
      tell({ open: baudRate });
    },
    async close() {
      if (!isOpen) throw new DOMException("The port is already closed.", "InvalidStateError");
      if (readable?.locked || writable?.locked) throw new TypeError("Cannot cancel a locked stream");
      isOpen = false;
      controller = undefined;
      tell({ close: true });
    },
    async setSignals(signals: object) {
      if (!isOpen) throw new DOMException("The port is closed.", "InvalidStateError");
      tell({ signals });
    },
    getInfo: () => ({ usbVendorId: 0x10c4, usbProductId: 0xea60 }),
  };
  Object.defineProperty(navigator, "serial", { value: { requestPort: async () => port } });
  Object.assign(globalThis, {
    fromFarEnd: (base64: string) => {
      // What comes while nobody has it open is lost.
      if (!isOpen || !port.readable) return;
      controller?.enqueue(Uint8Array.from(atob(base64), (digit) => digit.charCodeAt(0)));
    },
    unplug: () => {
      isOpen = false;
      controller?.error(new DOMException("The device has been lost.", "NetworkError"));
      controller = undefined;
      tell({ close: true });
    },
  });
}
