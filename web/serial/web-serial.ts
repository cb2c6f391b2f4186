/** Of the Web Serial API (wicg.github.io/serial) what the page uses; TypeScript's own library has none of it. */

export interface WebSerialPort {
  readonly readable: ReadableStream<Uint8Array> | null;
  readonly writable: WritableStream<Uint8Array> | null;
  open(options: { baudRate: number; bufferSize?: number }): Promise<void>;
  close(): Promise<void>;
  setSignals(signals: { dataTerminalReady?: boolean; requestToSend?: boolean }): Promise<void>;
  getInfo(): { usbVendorId?: number; usbProductId?: number };
}

interface WebSerial {
  /** The browser asks the person; refused is a NotFoundError. */
  requestPort(): Promise<WebSerialPort>;
}

/** undefined where the browser has none: Firefox, Safari, and pages that come neither from localhost nor by https. */
export function webSerial(): WebSerial | undefined {
  return (navigator as { serial?: WebSerial }).serial;
}
