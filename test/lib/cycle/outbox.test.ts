import {
  acknowledge,
  dateReadings,
  draftMessage,
  draftResult,
  dropOldest,
  dropResult,
  queueReading,
  waiting,
  waitingResults,
  withMessage,
} from "../../../lib/cycle/outbox.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { decodePackJson } from "../../../lib/senml/json.js";
import { decodeReading, encodeReading, type Packing } from "../../../lib/senml/measurement.js";
import type { OutboxDraft } from "../../../lib/store/outbox-items.js";
import { emptyOutbox, type FrozenOutbox } from "../../../lib/store/rtc-outbox.js";
import { equal, ok, test } from "../../device/harness.js";

const at = 1_795_000_000_000;
const packing: Packing = { baseName: "d:", format: "cbor", state: [] };

function reading(i: number, timeMs = at + i): Uint8Array {
  return encodeReading({ timeMs, measurements: [{ name: "v", value: i }] });
}

function filled(count: number): FrozenOutbox {
  let outbox: FrozenOutbox = emptyOutbox;
  for (let i = 0; i < count; i++) outbox = queueReading(outbox, reading(i));
  return outbox;
}

function sequences({ readings }: FrozenOutbox): number[] {
  return readings.map(({ sequence }) => sequence);
}

function freeze(outbox: FrozenOutbox, counter: number): FrozenOutbox {
  const draft = draftMessage(outbox.readings, packing, at, 768) as OutboxDraft;
  return withMessage(outbox, thaw({ ...draft, counter }));
}

test("readings are numbered as they come", () => {
  equal(sequences(filled(3)), [0, 1, 2]);
  equal(filled(3).nextSequence, 3);
});

test("all waiting readings go into one message, and leave the outbox with it", () => {
  const outbox = freeze(filled(3), 7);
  equal(outbox.readings, []);
  const [message] = outbox.messages;
  equal([message?.counter, message?.firstSequence, message?.readings], [7, 0, 3]);
});

test("a reading that comes after the draft stays when the message takes its place", () => {
  const before = filled(2);
  const draft = draftMessage(before.readings, packing, at, 768) as OutboxDraft;
  const after = withMessage(queueReading(before, reading(2)), thaw({ ...draft, counter: 0 }));
  equal(sequences(after), [2]);
});

test("a message holds no more than its bound, and at least one reading", () => {
  const many = filled(64);
  const draft = draftMessage(many.readings, packing, at, 768) as OutboxDraft;
  ok(draft.readings > 10 && draft.readings < 64, "bounded");
  const large = encodeReading({ timeMs: at, measurements: [{ name: "v", value: "x".repeat(900) }] });
  equal(draftMessage(queueReading(emptyOutbox, large).readings, packing, at, 768)?.readings, 1);
});

test("a gap in the sequence starts another message", () => {
  const outbox = filled(4);
  const gap = { ...outbox, readings: outbox.readings.filter(({ sequence }) => sequence !== 2) };
  equal(draftMessage(gap.readings, packing, at, 768)?.readings, 2);
});

test("an empty outbox drafts nothing", () => {
  equal(draftMessage(emptyOutbox.readings, packing, at, 768), undefined);
});

test("only the acknowledged message goes", () => {
  const one = freeze(filled(1), 3);
  const two = freeze(queueReading(one, reading(1)), 4);
  equal(
    acknowledge(two, 3).messages.map(({ counter }) => counter),
    [4],
  );
  equal(acknowledge(two, 99).messages.length, 2);
});

test("dropping takes the oldest, counts its readings, and ends", () => {
  let outbox: FrozenOutbox | undefined = queueReading(freeze(filled(2), 0), reading(2));
  outbox = dropOldest(outbox);
  equal([outbox?.messages.length, outbox?.readings.length, outbox?.losses.dropped], [0, 1, 2]);
  outbox = dropOldest(outbox as FrozenOutbox);
  equal([outbox?.readings.length, outbox?.losses.dropped], [0, 3]);
  equal(dropOldest(outbox as FrozenOutbox), undefined);
});

function answered(outbox: FrozenOutbox, counter: number): FrozenOutbox {
  const draft = draftResult(outbox, Uint8Array.of(counter));
  return withMessage(outbox, thaw({ ...draft, counter }));
}

test("an answer is a message of its own, which holds no reading and takes none away", () => {
  const outbox = answered(filled(2), 5);
  equal([waiting(outbox), waitingResults(outbox)], [2, 1]);
  equal(sequences(outbox), [0, 1]);
  const [message] = outbox.messages;
  equal([message?.topic, message?.contentType, message?.readings], [1, 60, 0]);
  equal(waitingResults(freeze(outbox, 6)), 1);
  equal(acknowledge(outbox, 5).messages, []);
});

test("the oldest readings go with the message that holds them; answers go by themselves, and are not readings", () => {
  const before = answered(freeze(answered(filled(2), 0), 1), 2);
  const fewer = dropOldest(before);
  equal(
    fewer?.messages.map(({ counter }) => counter),
    [0, 2],
  );
  equal([fewer?.losses.dropped, dropOldest(fewer as FrozenOutbox)], [2, undefined]);
  const answers = dropResult(before);
  equal(
    answers?.messages.map(({ counter }) => counter),
    [1, 2],
  );
  equal([answers?.losses.dropped, dropResult(filled(1))], [0, undefined]);
});

test("a clock that is set dates the readings anew, and nothing else", () => {
  const outbox = queueReading(queueReading(emptyOutbox, reading(0, 500)), reading(1, at));
  const dated = dateReadings(outbox.readings, (timeMs) => (timeMs < at ? at + timeMs : timeMs));
  equal(
    dated.map(({ content }) => decodeReading(content).timeMs),
    [at + 500, at],
  );
});

test("a message in JSON says so in its content type, another says nothing", () => {
  const outbox = filled(2);
  equal(draftMessage(outbox.readings, packing, at, 768)?.contentType, undefined);
  const draft = draftMessage(outbox.readings, { ...packing, format: "json" }, at, 768) as OutboxDraft;
  equal(draft.contentType, 110);
  equal(decodePackJson(draft.plaintext).length, 2);
});
