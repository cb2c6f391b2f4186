/**
 * A temperature and humidity sensor that needs no hardware: a daily curve with a slow drift, a function of the
 * time alone, so that a run can be repeated. Replace it by your sensor's driver in app.ts.
 */
import type { Measurement } from "dormouse/senml/measurement";

const dayMs = 86_400_000;

/** @param timeMs milliseconds since the epoch, or since power-on where the time is unknown */
export function readClimate(timeMs: number): Measurement[] {
  const day = Math.sin((2 * Math.PI * (timeMs % dayMs)) / dayMs - 2);
  const drift = Math.sin(timeMs / 1.7e6);
  return [
    { name: "temperature", unit: "Cel", value: round(19 + 4 * day + 0.6 * drift) },
    { name: "humidity", unit: "%RH", value: round(52 - 9 * day + 2 * drift) },
  ];
}

/** A sensor of this kind resolves a tenth. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}
