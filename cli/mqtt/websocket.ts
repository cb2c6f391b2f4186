/** MQTT over WebSocket in Node: lib/websocket's machine between a TCP or TLS stream and whoever speaks MQTT. */
import { randomBytes } from "node:crypto";
import { type Failure, failure } from "../../lib/failure.js";
import { createWebSocket, step } from "../../lib/websocket/client.js";
import type { WebSocketEvent } from "../../lib/websocket/client-state.js";
import {
  addressText,
  type Endpoint,
  openStream,
  openTimeoutMs,
  type Transport,
  type TransportEvents,
} from "./transport.js";

/** @throws {RangeError} for a path that no request can have */
export function openWebSocket(endpoint: Endpoint, events: TransportEvents): Transport {
  const { host, port, tls, websocketPath: path = "/" } = endpoint;
  let state = createWebSocket({ host, port, path, encrypted: tls !== null, key: randomBytes(16) });
  let failed: Failure | undefined;
  let way = "";
  let timer: NodeJS.Timeout | undefined;

  const handle = (event: WebSocketEvent, written = () => {}) => {
    const { state: next, effects } = step(state, event);
    state = next;
    for (const effect of effects)
      switch (effect.type) {
        case "send":
          stream.send(effect.bytes, written);
          break;
        case "pong":
          stream.send(effect.bytes, () => {});
          break;
        case "open":
          clearTimeout(timer);
          events.opened(`${way}, WebSocket ${path}`);
          break;
        case "data":
          events.received(effect.bytes);
          break;
        case "failed":
          failed ??= effect.failure;
          break;
        case "closed":
          stream.end();
      }
  };
  const mask = () => randomBytes(4);

  const stream = openStream(endpoint, {
    opened(how) {
      way = how;
      timer = setTimeout(() => {
        const detail = `${addressText(endpoint)} does not answer as a WebSocket within ${openTimeoutMs / 1000} s`;
        failed = failure("deadline", detail);
        handle({ type: "close", mask: mask() });
      }, openTimeoutMs);
      handle({ type: "start" });
    },
    received: (bytes) => handle({ type: "received", bytes, mask: mask() }),
    closed(why) {
      clearTimeout(timer);
      // What ended the stream explains more than that it ended.
      failed ??= why;
      handle({ type: "transport-closed" });
      events.closed(failed);
    },
  });

  return {
    send(bytes, written) {
      handle({ type: "send", bytes, mask: mask() }, written);
      bytes.fill(0);
    },
    pause: stream.pause,
    resume: stream.resume,
    end() {
      // The other side's answer to a close comes behind what was not read.
      stream.resume();
      if (state.at === "open") handle({ type: "close", mask: mask() });
      else stream.end();
    },
  };
}
