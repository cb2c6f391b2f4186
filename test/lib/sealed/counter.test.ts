import {
  type CounterEvent,
  type CounterState,
  openCounter,
  reservationSize,
  step,
  withinReservation,
} from "../../../lib/sealed/counter.js";
import type { Draft } from "../../../lib/sealed/frozen.js";
import { equal, test, throws } from "../../device/harness.js";

const draft: Draft = { plaintext: Uint8Array.of(1, 2, 3) };

/** Feeds events; returns the state, and the types of all effects in order. */
function run(start: CounterState<Draft>, ...events: CounterEvent<Draft>[]) {
  let state = start;
  const effects: string[] = [];
  for (const event of events) {
    const next = step(state, event);
    state = next.state;
    for (const effect of next.effects)
      effects.push(effect.type === "failed" ? effect.failure.kind : effect.type);
  }
  return { state, effects };
}

test("the first counter comes after its reservation, the message after it is persisted", () => {
  const opened = openCounter<Draft>(0);
  const { state, effects } = run(
    opened,
    { type: "freeze", draft },
    { type: "reserved", reservedEnd: 1024 },
    { type: "persisted" },
    { type: "freeze", draft },
    { type: "persisted" },
  );
  equal(effects, ["write-reservation", "persist", "frozen", "persist", "frozen"]);
  equal(state, { at: "ready", next: 2, reservedEnd: 1024 });
});

test("what is persisted and then handed out is the counter with the exact draft", () => {
  const freezing = step(openCounter<Draft>(1024, 7), { type: "freeze", draft });
  equal(freezing.effects, [
    { type: "persist", next: 8, message: { plaintext: draft.plaintext, counter: 7 } },
  ]);
  const frozen = step(freezing.state, { type: "persisted" });
  equal(frozen.effects, [{ type: "frozen", message: { plaintext: draft.plaintext, counter: 7 } }]);
});

test("one reservation serves 1,024 messages", () => {
  let state: CounterState<Draft> = openCounter<Draft>(reservationSize, 0);
  for (let i = 0; i < reservationSize; i++)
    state = run(state, { type: "freeze", draft }, { type: "persisted" }).state;
  equal(state, { at: "ready", next: 1024, reservedEnd: 1024 });
  equal(step(state, { type: "freeze", draft }).effects, [{ type: "write-reservation", reservedEnd: 2048 }]);
});

test("without RTC memory, or outside the reservation, it continues at the reservation's end", () => {
  equal(openCounter(2048), { at: "ready", next: 2048, reservedEnd: 2048 });
  for (const next of [1023, 2049, -1, 1500.5, Number.NaN])
    equal(openCounter(2048, next), { at: "ready", next: 2048, reservedEnd: 2048 });
  for (const next of [1024, 1500, 2048])
    equal(openCounter(2048, next), { at: "ready", next, reservedEnd: 2048 });
  equal(withinReservation(-1, 0), false);
  equal(withinReservation(0, 0), true);
});

test("a reservation that was not kept gives no counter", () => {
  const failed = run(
    openCounter<Draft>(0),
    { type: "freeze", draft },
    { type: "storage-failed", detail: "flash full" },
  );
  equal(failed, {
    state: { at: "ready", next: 0, reservedEnd: 0 },
    effects: ["write-reservation", "storage-failed"],
  });
  const other = run(openCounter<Draft>(0), { type: "freeze", draft }, { type: "reserved", reservedEnd: 0 });
  equal(other.effects, ["write-reservation", "storage-failed"]);
});

test("a message that may or may not have been persisted takes its counter with it", () => {
  const opened = openCounter<Draft>(1024, 5);
  const { state, effects } = run(
    opened,
    { type: "freeze", draft },
    { type: "storage-failed", detail: "RTC" },
  );
  equal(effects, ["persist", "storage-failed"]);
  equal(state, { at: "ready", next: 6, reservedEnd: 1024 });
});

test("the last counter is 2^40 - 1; then it refuses", () => {
  const opened = openCounter<Draft>(2 ** 40 - 1);
  const { state, effects } = run(
    opened,
    { type: "freeze", draft },
    { type: "reserved", reservedEnd: 2 ** 40 },
    { type: "persisted" },
    { type: "freeze", draft },
  );
  equal(effects, ["write-reservation", "persist", "frozen", "counter-exhausted"]);
  equal(state, { at: "ready", next: 2 ** 40, reservedEnd: 2 ** 40 });
});

test("an event out of turn is the caller's mistake", () => {
  const ready = openCounter<Draft>(1024, 0);
  throws(() => step(ready, { type: "persisted" }), RangeError);
  throws(() => step(ready, { type: "reserved", reservedEnd: 2048 }), RangeError);
  const freezing = step(ready, { type: "freeze", draft }).state;
  throws(() => step(freezing, { type: "freeze", draft }), RangeError);
  throws(() => step(freezing, { type: "reserved", reservedEnd: 2048 }), RangeError);
  const reserving = step(openCounter<Draft>(0), { type: "freeze", draft }).state;
  throws(() => step(reserving, { type: "persisted" }), RangeError);
});
