/** What XS has besides ECMAScript. */

/** Writes to the board's log. */
declare function trace(text: string): void;

interface ArrayBufferConstructor {
  /** The string's UTF-8. */
  fromString(text: string): ArrayBuffer;
}

interface StringConstructor {
  /** The string that UTF-8 encodes. */
  fromArrayBuffer(buffer: ArrayBufferLike): string;
}
