/** Step 1: which files go where, and writing them. */
import { byId, element, lineOf, say } from "../dom.js";
import type { Board } from "../serial/board.js";
import { imagesFor, type Manifest, namesIn, readManifest } from "./manifest.js";

const manifestName = /(^|[/\\])manifest[^/\\]*\.json$/i;
/** Of all files together, twice the largest flash. */
const maxPickedBytes = 64 * 1024 * 1024;

interface Firmware {
  readonly manifest: Manifest;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export class FlashStep {
  readonly #board: Board;
  readonly #button = byId<HTMLButtonElement>("flash");
  readonly #status = byId("flash-status");
  #firmware: Firmware | undefined;

  constructor(board: Board) {
    this.#board = board;
    const input = byId<HTMLInputElement>("firmware");
    // The same files again, built anew, are a change too.
    input.addEventListener("click", () => {
      input.value = "";
    });
    input.addEventListener("change", () => this.#pick([...(input.files ?? [])]));
    this.#button.addEventListener("click", () => this.#flash());
  }

  refresh(): void {
    this.#button.disabled = !this.#firmware || !this.#board.chosen || this.#board.busy;
  }

  async #pick(picked: readonly File[]): Promise<void> {
    this.#firmware = undefined;
    byId("images").replaceChildren();
    say(this.#status, "");
    try {
      this.#firmware = await firmwareOf(picked);
      byId("images").replaceChildren(...tables(this.#firmware));
    } catch (error) {
      say(this.#status, lineOf(error), true);
    }
    this.refresh();
  }

  async #flash(): Promise<void> {
    const { manifest, files } = this.#firmware!;
    const bar = byId<HTMLProgressElement>("flash-progress");
    bar.value = 0;
    bar.hidden = false;
    say(this.#status, "Connecting to the board's loader …");
    let connected = false;
    try {
      const { flash } = await import("./flasher.js");
      const eraseAll = byId<HTMLInputElement>("erase").checked;
      await this.#board.withPort((port) =>
        flash(port, {
          images: (chipFamily) => {
            connected = true;
            return imagesFor(manifest, chipFamily, files);
          },
          eraseAll,
          tell: (line) => say(this.#status, line),
          progress: (share) => {
            bar.value = share;
          },
        }),
      );
      say(this.#status, "Written and compared. The board starts its new firmware.");
      await this.#board.greetAgain();
    } catch (error) {
      say(this.#status, connected ? lineOf(error) : `${lineOf(error)}. ${remedy}`, true);
    } finally {
      bar.hidden = true;
    }
  }
}

const remedy =
  "Close other programs that use the port; else hold the board's BOOT button, press RESET, let go of both, and write again.";

async function firmwareOf(picked: readonly File[]): Promise<Firmware> {
  const manifests = picked.filter(({ name }) => manifestName.test(name));
  if (manifests.length !== 1) throw new RangeError("pick one manifest.json, and the files that it names");
  if (picked.reduce((sum, { size }) => sum + size, 0) > maxPickedBytes)
    throw new RangeError("these files are too large for any board");
  const manifest = readManifest(await manifests[0]!.text());
  const files = new Map<string, Uint8Array>();
  for (const file of picked)
    if (file !== manifests[0]) files.set(file.name, new Uint8Array(await file.arrayBuffer()));
  const complete = [...manifest.builds.values()].some((parts) => parts.every(({ name }) => files.has(name)));
  const missing = [...namesIn(manifest)].filter((name) => !files.has(name));
  if (!complete) throw new RangeError(`still to be picked: ${missing.join(", ")}`);
  return { manifest, files };
}

function tables({ manifest, files }: Firmware): HTMLElement[] {
  const title = element("p", {}, `${manifest.name} ${manifest.version}`.trim() || "Firmware");
  const rows = [...manifest.builds].flatMap(([chip, parts]) =>
    parts.map(({ name, offset }) => {
      const bytes = files.get(name);
      const size = bytes ? `${bytes.length} bytes` : "not picked";
      return element(
        "tr",
        {},
        ...[chip, name, `0x${offset.toString(16)}`, size].map((text) => element("td", {}, text)),
      );
    }),
  );
  const heads = ["Chip", "File", "At", "Size"].map((text) => element("th", { scope: "col" }, text));
  return [
    title,
    element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)),
  ];
}
