/** The picture in the terminal keeps its columns. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunEvent } from "../../host-sim/report/events.js";
import { terminalReporter } from "../../host-sim/report/terminal.js";

function shown(fields: object): string {
  let text = "";
  const out = {
    write: (more: string) => {
      text += more;
    },
  };
  const event = { at: 0, device: "d", wake: 1, ...fields } as RunEvent;
  terminalReporter(out as unknown as NodeJS.WriteStream).report(event);
  return text;
}

test("a word too long for its column stands before what follows", () => {
  const received = { event: "received", topic: "d/readings", reading: [{ name: "d:t", value: 1, time: 0 }] };
  assert.equal(shown({ ...received, verdict: "fresh" }), "  received      fresh  t 1\n");
  assert.equal(
    shown({ ...received, verdict: "unauthenticated" }),
    "  received          -  unauthenticated: t 1\n",
  );
  const command = { event: "command", name: "led", controller: "office", counter: 7 };
  assert.equal(shown({ ...command, status: "done" }), "  command        done  led, from office #7\n");
  assert.equal(
    shown({ ...command, status: "unauthorised" }),
    "  command           -  unauthorised: led, from office #7\n",
  );
});
