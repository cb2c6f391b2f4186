/** What mqtt-packet needs of Node's EventEmitter: listeners that live in the instance. */
export class EventEmitter {
  constructor() {
    this.listeners = {};
  }

  on(event, listener) {
    this.listeners[event] = [...(this.listeners[event] ?? []), listener];
    return this;
  }

  /** As in Node, an `error` that nobody listens to is thrown. */
  emit(event, value) {
    const listeners = this.listeners[event];
    if (!listeners && event === "error") throw value;
    for (const listener of listeners ?? []) listener(value);
    return listeners !== undefined;
  }
}
