/** PINGREQ and its answer: when the connection has been silent for long, and when somebody asks (§3.12). */
import type { Connected, SessionEffect, SessionStep } from "./session-state.js";
import { encodePingreq } from "./wire/encode.js";
import { protocolError } from "./wire/errors.js";
import type { FramingError } from "./wire/framing.js";

/** When PINGREQ is due, or its answer. */
export function pingAtMs({ pingDeadlineMs, limits, lastSentMs }: Connected): number {
  const { keepAliveSeconds } = limits;
  return (
    pingDeadlineMs ?? (keepAliveSeconds ? lastSentMs + keepAliveSeconds * 1000 : Number.POSITIVE_INFINITY)
  );
}

/** PINGREQ because nothing else was to be sent. */
export function keepAlive(state: Connected, nowMs: number): SessionStep {
  return pinged({ ...state, pingDeadlineMs: patience(state, nowMs) }, nowMs);
}

/** Another PINGREQ may be out already: its PINGRESP comes first. */
export function ping(state: Connected, nowMs: number): SessionStep {
  const { pingDeadlineMs = patience(state, nowMs) } = state;
  const { fence = state.pingDeadlineMs === undefined ? 0 : 1 } = state;
  return pinged({ ...state, pingDeadlineMs, fence: fence + 1 }, nowMs);
}

function pinged(state: Connected, nowMs: number): SessionStep {
  return { state: { ...state, lastSentMs: nowMs }, effects: [{ type: "send", bytes: encodePingreq() }] };
}

export function ponged(state: Connected, effects: SessionEffect[], nowMs: number): Connected | FramingError {
  const { fence, ...rest } = state;
  if (rest.pingDeadlineMs === undefined) return protocolError("PINGRESP without PINGREQ");
  if (fence !== undefined && fence > 1)
    return { ...rest, fence: fence - 1, pingDeadlineMs: patience(state, nowMs) };
  if (fence !== undefined) effects.push({ type: "pong" });
  return { ...rest, pingDeadlineMs: undefined };
}

/** The answer is awaited for no longer than the broker waits for the next packet [MQTT-3.1.2-20]. */
function patience({ settings, limits }: Connected, nowMs: number): number {
  const keepAliveMs = 1000 * limits.keepAliveSeconds;
  return nowMs + (keepAliveMs ? Math.min(settings.ackTimeoutMs, keepAliveMs) : settings.ackTimeoutMs);
}
