/* ECMA-419 key-value storage as on an ESP32 (NVS), over key-value.c. Keys and paths have at most 15 bytes. */
function check(path) @ "xs_key_value_check";
function find(path, key, format) @ "xs_key_value_read";
function set(path, key, format, value) @ "xs_key_value_write";
function remove(path, key) @ "xs_key_value_delete";
function next(path, previous) @ "xs_key_value_next";

const formats = Object.freeze([
  "", "buffer", "string", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
]);

function formatOf(name) {
  const format = formats.indexOf(name);
  if (format < 1) throw new RangeError("unsupported");
  return format;
}

class Storage {
  #path;
  #format;
  #readOnly;
  constructor(path, format, readOnly) {
    this.#path = path;
    this.#format = format;
    this.#readOnly = readOnly;
  }
  get #open() {
    if (this.#path === undefined) throw new Error("closed");
    return this.#path;
  }
  get #writable() {
    if (this.#readOnly) throw new Error("read-only");
    return this.#open;
  }
  close() { this.#path = undefined; }
  read(key, buffer) {
    const value = find(this.#open, key, this.#format);
    if (buffer === undefined || value === undefined || this.#format !== 1) return value;
    const target = ArrayBuffer.isView(buffer)
      ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
      : new Uint8Array(buffer);
    if (target.byteLength < value.byteLength) throw new RangeError("buffer too small");
    target.set(new Uint8Array(value));
    return value.byteLength;
  }
  write(key, value) { set(this.#writable, key, this.#format, value); }
  delete(key) { remove(this.#writable, key); }
  get format() { return formats[this.#format]; }
  set format(name) { this.#format = formatOf(name); }
  [Symbol.iterator]() {
    const path = this.#open;
    let key;
    return {
      next() {
        key = next(path, key);
        return { done: key === undefined, value: key };
      },
      [Symbol.iterator]() { return this; },
    };
  }
}

export default Object.freeze({
  open({ path, format = "buffer", mode = "r+" }) {
    if (mode !== "r" && mode !== "r+") throw new Error("invalid mode");
    if (path.endsWith("/")) path = path.slice(0, -1);
    check(path);
    return new Storage(path, formatOf(format), mode === "r");
  },
});
