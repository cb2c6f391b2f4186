/** A Byte Buffer of ECMA-419: an ArrayBuffer, or a view of one that has single bytes. */
export type ByteBuffer = ArrayBuffer | ArrayBufferView;

/** The same bytes, not a copy. @throws TypeError for anything else */
export function bytesOf(buffer: unknown): Uint8Array {
  if (buffer instanceof Uint8Array) return buffer;
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer);
  if (buffer instanceof DataView || buffer instanceof Int8Array)
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  throw new TypeError("not a byte buffer");
}
