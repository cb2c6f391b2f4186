/** A real browser, headless, driven over the Chrome DevTools Protocol: opens pages, looks at them, photographs them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { WebSocket } from "ws";

export interface View {
  readonly width: number;
  readonly dark?: boolean;
  readonly paper?: boolean;
}

/** What a page has asked the network for, what the browser complained of, and what was written to its console. */
export interface Heard {
  readonly requests: string[];
  readonly complaints: string[];
  readonly console: string[];
}

type Answer = {
  id?: number;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { message: string };
};

export class Chromium {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #heard: Answer[] = [];
  readonly #bound = new Map<string, (text: string) => void>();
  #session = "";
  #count = 0;

  private constructor(process: ChildProcess, folder: string, socket: WebSocket) {
    this.#process = process;
    this.#folder = folder;
    this.#socket = socket;
    socket.on("message", (data) => {
      const answer = JSON.parse(String(data)) as Answer;
      if (answer.method === "Runtime.bindingCalled") {
        const { name, payload } = answer.params as { name: string; payload: string };
        this.#bound.get(name)?.(payload);
      } else if (answer.id === undefined) this.#heard.push(answer);
      else this.#waiting.get(answer.id)?.(answer);
    });
  }

  static async start(): Promise<Chromium> {
    const folder = mkdtempSync(join(tmpdir(), "dormouse-chromium-"));
    const args = [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--hide-scrollbars",
      "--force-color-profile=srgb",
      `--user-data-dir=${folder}`,
      "--remote-debugging-port=0",
      "about:blank",
    ];
    const process = spawn("chromium", args, { stdio: ["ignore", "ignore", "pipe"] });
    try {
      const socket = new WebSocket(await address(process.stderr!), { perMessageDeflate: false });
      await once(socket, "open");
      const browser = new Chromium(process, folder, socket);
      await browser.#attach();
      return browser;
    } catch (error) {
      process.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async #attach(): Promise<void> {
    const { targetId } = await this.#send<{ targetId: string }>("Target.createTarget", {
      url: "about:blank",
    });
    const attached = await this.#send<{ sessionId: string }>("Target.attachToTarget", {
      targetId,
      flatten: true,
    });
    this.#session = attached.sessionId;
    await this.#send("Page.enable");
    await this.#send("Network.enable");
    await this.#send("Log.enable");
    await this.#send("Runtime.enable");
  }

  /** @returns what the page has asked the network for, and what the browser complained of */
  async open(file: string, view: View): Promise<Heard> {
    return this.visit(`file://${file}`, view);
  }

  /** The same of any page. */
  async visit(url: string, view: View): Promise<Heard> {
    await this.look(view);
    this.#heard.length = 0;
    await this.#send("Page.navigate", { url });
    await this.evaluate(
      "new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))",
    );
    return this.heard();
  }

  /** Since the page was opened. */
  heard(): Heard {
    const params = (method: string) =>
      this.#heard.filter((event) => event.method === method).map((event) => event.params);
    return {
      requests: params("Network.requestWillBeSent").map(
        (each) => (each as { request: { url: string } }).request.url,
      ),
      complaints: [...params("Log.entryAdded"), ...params("Runtime.exceptionThrown")].map((each) =>
        JSON.stringify(each),
      ),
      console: params("Runtime.consoleAPICalled").map((each) => JSON.stringify(each)),
    };
  }

  /** Runs in every page opened from now on, before its own scripts. */
  async before(source: string): Promise<void> {
    await this.#send("Page.addScriptToEvaluateOnNewDocument", { source });
  }

  /** Gives pages opened from now on a function of this name that takes a text. */
  async bind(name: string, hear: (text: string) => void): Promise<void> {
    this.#bound.set(name, hear);
    await this.#send("Runtime.addBinding", { name });
  }

  /** Picks files in an `<input type="file">`. */
  async pick(selector: string, paths: readonly string[]): Promise<void> {
    const { root } = await this.#send<{ root: { nodeId: number } }>("DOM.getDocument", { depth: 0 });
    const { nodeId } = await this.#send<{ nodeId: number }>("DOM.querySelector", {
      nodeId: root.nodeId,
      selector,
    });
    await this.#send("DOM.setFileInputFiles", { files: paths, nodeId });
  }

  /** Where what the page lets the user download goes. */
  async downloadTo(folder: string): Promise<void> {
    await this.#send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder });
  }

  /** Presses and lets go a key, e.g. `Tab`, where the page's focus is. */
  async press(key: string, code = key, text = ""): Promise<void> {
    for (const type of ["keyDown", "keyUp"])
      await this.#send("Input.dispatchKeyEvent", { type, key, code, ...(type === "keyDown" && { text }) });
  }

  /** The open page, seen otherwise. */
  async look({ width, dark = false, paper = false }: View): Promise<void> {
    await this.#send("Emulation.setDeviceMetricsOverride", {
      width,
      height: 900,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.#send("Emulation.setEmulatedMedia", {
      media: paper ? "print" : "screen",
      features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }],
    });
  }

  /** @param expression what it comes to, or comes to in time, must be JSON */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#send<{
      result: { value: T };
      exceptionDetails?: unknown;
    }>("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
      allowUnsafeEvalBlockedByCSP: false,
    });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  }

  /** The page, PNG: all of it, or so many pixels from a height on. */
  async photograph(part?: { readonly y: number; readonly height: number }): Promise<Buffer> {
    const { cssContentSize } = await this.#send<{ cssContentSize: { width: number; height: number } }>(
      "Page.getLayoutMetrics",
    );
    const { data } = await this.#send<{ data: string }>("Page.captureScreenshot", {
      format: "png",
      captureBeyondViewport: true,
      clip: { x: 0, y: 0, ...cssContentSize, ...part, scale: 1 },
    });
    return Buffer.from(data, "base64");
  }

  /** As it would be printed on A4. */
  async print(): Promise<Buffer> {
    const { data } = await this.#send<{ data: string }>("Page.printToPDF", {
      paperWidth: 8.27,
      paperHeight: 11.69,
      printBackground: true,
      preferCSSPageSize: false,
    });
    return Buffer.from(data, "base64");
  }

  async stop(): Promise<void> {
    const exited = once(this.#process, "exit");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    // The answer may not come any more.
    this.#send("Browser.close").catch(() => {});
    await exited;
    clearTimeout(timer);
    this.#socket.terminate();
    await removed(this.#folder);
  }

  #send<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#count;
    const session = this.#session && !/^(Target|Browser)\./.test(method) ? { sessionId: this.#session } : {};
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result as T);
      });
      this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    });
  }
}

/** Its other processes outlive the first by a little, and write. */
async function removed(folder: string): Promise<void> {
  for (let tries = 0; tries < 40; tries++) {
    try {
      return rmSync(folder, { recursive: true, force: true });
    } catch {
      await wait(50);
    }
  }
}

async function address(stderr: Readable): Promise<string> {
  const said: string[] = [];
  for await (const line of createInterface({ input: stderr })) {
    const found = /^DevTools listening on (ws:\S+)$/.exec(line)?.[1];
    if (found) {
      stderr.resume();
      return found;
    }
    said.push(line);
  }
  throw new Error(`chromium does not start: ${said.slice(-5).join("; ")}`);
}
