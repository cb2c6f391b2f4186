/** ECMA-419 key-value storage, as the SDK's typings have it; what a missing key gives is what the code does. */
declare module "embedded:storage/key-value" {
  export type StorageFormat =
    | "buffer"
    | "string"
    | "uint8"
    | "int8"
    | "uint16"
    | "int16"
    | "uint32"
    | "int32"
    | "uint64"
    | "int64";

  export interface StorageOpenOptions {
    /** At most 15 bytes. */
    path: string;
    /** "buffer" by default. */
    format?: StorageFormat;
    /** "r+" by default. */
    mode?: "r" | "r+";
  }

  export class Storage {
    private constructor();
    close(): void;
    /** Undefined when there is no such key. @throws TypeError when the key holds another type */
    read(key: string): ArrayBuffer | string | number | bigint | undefined;
    read(key: string, buffer: ArrayBuffer | ArrayBufferView): number | undefined;
    /** Committed when it returns. @throws Error when flash is full; then nothing has changed */
    write(key: string, value: ArrayBuffer | ArrayBufferView | string | number | bigint): void;
    delete(key: string): void;
    [Symbol.iterator](): IterableIterator<string>;
    format: StorageFormat;
  }

  const KeyValueStorage: { open(options: StorageOpenOptions): Storage };
  export default KeyValueStorage;
}
