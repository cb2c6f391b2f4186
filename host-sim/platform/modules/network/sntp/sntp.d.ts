/** The SDK's SNTP client. It does not set the clock. */
declare module "sntp" {
  export default class SNTP {
    static readonly time: 1;
    static readonly retry: 2;
    static readonly error: -1;
    /** Calls back with `time` and the seconds since 1970, or with `error` and a message. */
    constructor(options: { host: string }, callback: (message: 1 | 2 | -1, value?: number | string) => void);
    close(): void;
  }
}
