/**
 * An ordinary ECMA-419 client, as anybody might write one: HTTP/1.1 over whatever `options.socket.io` is. It knows
 * nothing of TLS, so what it can do over TCP it must be able to do over TLSSocket. It reads heads byte by byte and
 * bodies into a buffer of its own, leaves what it does not want yet, and counts for itself what it may write.
 */

export interface Socket {
  format: string;
  read(request?: number | Uint8Array): ArrayBuffer | number | undefined;
  write(value: number | ArrayBuffer | Uint8Array): number | undefined;
  close(): void;
}

export interface HTTPClientOptions {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** `io` is the socket's class, everything else its options. */
  readonly socket: { readonly io: new (options: never) => Socket; readonly [option: string]: unknown };
  readonly onError: () => void;
}

export interface RequestOptions {
  readonly method: string;
  readonly path: string;
  /** How many bytes `onWritable` will give. */
  readonly bodyBytes?: number;
  /** Write the body in pieces of this size, in place of all sizes. */
  readonly pieceBytes?: number;
  /** Read the body in blocks of this size, each only when all of it is there. */
  readonly blockBytes?: number;
  readonly onHeaders: (status: number, headers: ReadonlyMap<string, string>) => void;
  /** The next bytes of the request's body, at most so many. */
  readonly onWritable?: (byteLength: number) => Uint8Array;
  /** The bytes are overwritten afterwards. */
  readonly onReadable: (bytes: Uint8Array) => void;
  readonly onDone: () => void;
}

type Reading = "head" | "body" | "chunk-size" | "chunk" | "chunk-end" | "until-end";

const lineFeed = 10;

export class HTTPClient {
  readonly #options: HTTPClientOptions;
  readonly #socket: Socket;
  readonly #requests: RequestOptions[] = [];
  readonly #buffer = new Uint8Array(1000);
  #writable = 0;
  #readable = 0;
  #sending: Uint8Array | undefined;
  #bodyLeft = 0;
  #reading: Reading = "head";
  #line = "";
  #left = 0;
  #status = 0;
  #headers = new Map<string, string>();
  #closed = false;

  constructor(options: HTTPClientOptions) {
    this.#options = options;
    const Socket = options.socket.io as new (options: unknown) => Socket;
    this.#socket = new Socket({
      ...options.socket,
      address: options.address,
      port: options.port,
      onReadable: (byteLength: number) => {
        this.#readable = byteLength;
        this.#receive();
      },
      onWritable: (byteLength: number) => {
        this.#writable = byteLength;
        this.#send();
      },
      onError: () => {
        const request = this.#requests.shift();
        if (request && this.#reading === "until-end") request.onDone();
        this.close();
        options.onError();
      },
    });
  }

  request(options: RequestOptions): void {
    this.#requests.push(options);
    if (this.#requests.length === 1) this.#start();
  }

  close(): void {
    if (!this.#closed) this.#socket.close();
    this.#closed = true;
  }

  #start(): void {
    const request = this.#requests[0];
    if (!request) return;
    const { method, path, bodyBytes } = request;
    const length = bodyBytes === undefined ? "" : `content-length: ${bodyBytes}\r\n`;
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#options.host}\r\n${length}\r\n`;
    this.#sending = Uint8Array.from(head, (character) => character.charCodeAt(0));
    this.#bodyLeft = bodyBytes ?? 0;
    this.#send();
  }

  /** As much as fits, in pieces of many sizes; the first bytes of each head one by one. */
  #send(): void {
    while (this.#writable > 0 && !this.#closed) {
      const pieceBytes = Math.min(this.#writable, 1 + ((this.#writable * 7) % 613));
      if (this.#sending) {
        this.#sendHead(pieceBytes);
      } else if (this.#bodyLeft > 0) {
        const request = this.#requests[0];
        const most = Math.min(request?.pieceBytes ?? pieceBytes, this.#writable, this.#bodyLeft);
        const body = request?.onWritable?.(most);
        if (!body) return;
        this.#bodyLeft -= body.length;
        this.#write(body);
      } else return;
    }
  }

  #sendHead(pieceBytes: number): void {
    const sending = this.#sending as Uint8Array;
    const [first] = sending;
    if (first === 0x47 || first === 0x50) {
      this.#socket.format = "number";
      this.#socket.write(first);
      this.#socket.format = "buffer";
      this.#writable--;
      this.#sending = sending.subarray(1);
      return;
    }
    this.#write(sending.subarray(0, pieceBytes));
    this.#sending = pieceBytes < sending.length ? sending.subarray(pieceBytes) : undefined;
  }

  /** ECMA-419's 2nd edition says nothing of a result: what was announced holds until it is used up. */
  #write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
    this.#writable -= bytes.length;
  }

  #receive(): void {
    while (this.#readable > 0 && !this.#closed) {
      if (this.#reading === "head" || this.#reading === "chunk-size" || this.#reading === "chunk-end") {
        if (this.#readLine()) this.#takeLine();
      } else if (!this.#readBody()) return;
    }
  }

  /** True when the line is whole. */
  #readLine(): boolean {
    this.#socket.format = "number";
    let whole = false;
    while (this.#readable > 0 && !whole) {
      const byte = this.#socket.read() as number;
      this.#readable--;
      whole = byte === lineFeed;
      if (byte > 0x1f) this.#line += String.fromCharCode(byte);
    }
    this.#socket.format = "buffer";
    return whole;
  }

  #takeLine(): void {
    const line = this.#line;
    this.#line = "";
    if (this.#reading === "chunk-size") {
      this.#left = Number.parseInt(line, 16);
      this.#reading = this.#left === 0 ? "chunk-end" : "chunk";
    } else if (this.#reading === "chunk-end") {
      if (this.#left === 0) this.#done();
      else this.#reading = "chunk-size";
    } else if (line === "") this.#takeHead();
    else if (line.startsWith("HTTP/1.1 ")) this.#status = Number.parseInt(line.slice(9), 10);
    else {
      const colon = line.indexOf(":");
      this.#headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
  }

  #takeHead(): void {
    const headers = this.#headers;
    this.#headers = new Map();
    this.#requests[0]?.onHeaders(this.#status, headers);
    const length = headers.get("content-length");
    this.#left = length === undefined ? Number.MAX_SAFE_INTEGER : Number.parseInt(length, 10);
    if (headers.get("transfer-encoding") === "chunked") this.#reading = "chunk-size";
    else if (this.#left === 0) this.#done();
    else this.#reading = length === undefined ? "until-end" : "body";
  }

  /** False when it waits for more than is there. */
  #readBody(): boolean {
    const request = this.#requests[0];
    const blockBytes = Math.min(request?.blockBytes ?? 1, this.#left);
    if (this.#readable < blockBytes) return false;
    if (request?.blockBytes !== undefined) {
      request.onReadable(new Uint8Array(this.#socket.read(blockBytes) as ArrayBuffer));
      this.#took(blockBytes);
      return true;
    }
    const part = this.#buffer.subarray(0, Math.min(this.#readable, this.#left, this.#buffer.length));
    const count = this.#socket.read(part) as number;
    request?.onReadable(part.subarray(0, count));
    this.#took(count);
    return true;
  }

  #took(byteLength: number): void {
    this.#readable -= byteLength;
    this.#left -= byteLength;
    if (this.#left > 0) return;
    if (this.#reading === "body") return this.#done();
    this.#left = 1; // not the last one
    this.#reading = "chunk-end";
  }

  #done(): void {
    this.#reading = "head";
    this.#requests.shift()?.onDone();
    this.#start();
  }
}
