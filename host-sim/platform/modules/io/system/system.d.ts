/** What the SDK's module `system` puts on the global object. */
declare const System: {
  /** Calls back with the name and its IP address, undefined when there is none. */
  resolve(name: string, callback: (name: string, address: string | undefined) => void): void;
};
