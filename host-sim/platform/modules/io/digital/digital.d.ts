/** ECMA-419 digital pin, as the SDK's typings have it. */
declare module "embedded:io/digital" {
  export interface Options {
    pin: number;
    /** Input … OutputOpenDrain. */
    mode: number;
    /** 0 and 1 change places. */
    activeLow?: boolean;
    initialValue?: 0 | 1;
    /** Called after a change to the level that `edge` names; needs it. */
    onReadable?: (this: Digital) => void;
    /** Rising, Falling, or both added up. */
    edge?: number;
    format?: "number";
    target?: unknown;
  }

  export default class Digital {
    static readonly Input: number;
    static readonly InputPullUp: number;
    static readonly InputPullDown: number;
    static readonly InputPullUpDown: number;
    static readonly Output: number;
    static readonly OutputOpenDrain: number;
    static readonly Rising: number;
    static readonly Falling: number;
    /** @throws Error when there is no such pin or it is in use, RangeError for a wrong mode or edge */
    constructor(options: Options);
    read(): 0 | 1;
    write(value: 0 | 1): void;
    close(): void;
    format: "number";
  }
}
