/** `--report`: gathers what a run tells, beside whatever else shows it, and writes the page at its end. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { boardManifest } from "../board.js";
import type { SimOptions } from "../sim-options.js";
import type { Reporter } from "./events.js";
import { History } from "./history/history.js";
import { page } from "./page/page.js";

/** The run's own words come before its first event. */
const mostNotes = 4;

export class ReportFile implements Reporter {
  readonly #history = new History();
  readonly #notes: string[] = [];
  readonly #shown: Reporter;
  readonly #path: string;
  readonly #options: SimOptions;
  #begun = false;

  /** @param path absolute @param shown is told everything too */
  constructor(path: string, options: SimOptions, shown: Reporter) {
    this.#path = path;
    this.#options = options;
    this.#shown = shown;
  }

  report: Reporter["report"] = (event) => {
    this.#begun = true;
    this.#history.event(event);
    this.#shown.report(event);
  };

  note: Reporter["note"] = (text) => {
    if (!this.#begun && this.#notes.length < mostNotes) this.#notes.push(text);
    this.#shown.note(text);
  };

  /**
   * Writes the page: whole or not at all.
   * @param success undefined when the run did not come to its end
   */
  write(success: boolean | undefined): void {
    const { board, profile, battery } = this.#options;
    const text = page(this.#history, {
      board,
      sensorKind: profile.sensor.kind,
      creation: boardManifest(board).creation,
      battery,
      notes: this.#notes,
      success,
    });
    const written = `${this.#path}.${process.pid}.tmp`;
    try {
      writeFileSync(written, text);
      renameSync(written, this.#path);
    } finally {
      rmSync(written, { force: true });
    }
    this.#shown.note(`report: ${this.#path}`);
  }
}
