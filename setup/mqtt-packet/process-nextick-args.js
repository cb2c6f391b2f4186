/** mqtt-packet defers `uncork` with this; streams without `cork`, the only ones here, never get so far. */
export function nextTick(call, ...args) {
  Promise.resolve().then(() => call(...args));
}
