/** The page of web/ in a headless browser, with a stubbed serial port, and a person's few gestures. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../host-sim/paths.js";
import { Chromium, type Heard } from "../chromium.js";
import { StubbedSerial } from "./serial-stub.js";

const { buildPage, servePage } = (await import(`${root}setup/web.mjs`)) as {
  buildPage(folder: string): Promise<void>;
  servePage(folder: string, port: number): Promise<{ url: string; close: () => void }>;
};

export interface BenchPage {
  readonly browser: Chromium;
  readonly serial: StubbedSerial;
  readonly url: string;
  /** As it comes from the server. */
  reload(): Promise<Heard>;
  click(id: string): Promise<void>;
  pick(id: string, paths: readonly string[]): Promise<void>;
  type(id: string, text: string): Promise<void>;
  text(id: string): Promise<string>;
  is(id: string, property: string): Promise<unknown>;
  /** Until an expression is true in the page. */
  until(expression: string, withinMs?: number): Promise<void>;
  close(): Promise<void>;
}

export async function openBench(): Promise<BenchPage> {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-page-"));
  await buildPage(folder);
  const [{ url, close }, browser] = await Promise.all([servePage(folder, 0), Chromium.start()]);
  const serial = await StubbedSerial.in(browser);
  const byId = (id: string) => `document.getElementById(${JSON.stringify(id)})`;
  return {
    browser,
    serial,
    url,
    reload: () => browser.visit(url, { width: 1000 }),
    click: async (id) => {
      assert.equal(await browser.evaluate(`${byId(id)}.disabled === true`), false, `${id} is disabled`);
      await browser.evaluate(`${byId(id)}.click()`);
    },
    pick: async (id, paths) => {
      await browser.evaluate(`void (${byId(id)}.value = "")`);
      await browser.pick(`#${id}`, paths);
    },
    type: (id, text) => browser.evaluate(`void (${byId(id)}.value = ${JSON.stringify(text)})`),
    text: (id) => browser.evaluate(`${byId(id)}.innerText`),
    is: (id, property) => browser.evaluate(`${byId(id)}[${JSON.stringify(property)}]`),
    until: async (expression, withinMs = 5_000) => {
      const holds = await browser.evaluate<boolean>(
        `(async () => { for (const end = Date.now() + ${withinMs}; Date.now() < end; await new Promise((done) => setTimeout(done, 20))) if (${expression}) return true; return false; })()`,
      );
      const body = holds ? "" : await browser.evaluate<string>("document.body.innerText");
      assert.ok(holds, `not within ${withinMs} ms: ${expression}\n${body}`);
    },
    close: async () => {
      close();
      await browser.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
