/** Step 4: who the board is, and the file that `dormouse` takes in. Until it is downloaded the page is not left unasked. */
import { byId, element } from "../dom.js";
import type { Provisioned } from "../profile/session.js";

export class ResultStep {
  readonly #section = byId("result");
  #provisioned: Provisioned | undefined;
  #isDownloaded = false;

  /** @param next called when the person goes on to another board */
  constructor(next: () => void) {
    byId("download").addEventListener("click", () => this.#download());
    byId("next").addEventListener("click", () => {
      if (!this.mayForget()) return;
      this.#provisioned = undefined;
      this.#section.hidden = true;
      byId("facts").replaceChildren();
      next();
    });
    addEventListener("beforeunload", (event) => {
      if (this.#isWaiting) event.preventDefault();
    });
  }

  /** Before the commit, and once more when the board has proved it: the first stays when that does not come. */
  show(provisioned: Provisioned): void {
    this.#provisioned = provisioned;
    const isProved = provisioned.file.state === undefined;
    byId("result-state").textContent = isProved ? "Verified" : "Not verified yet";
    byId("proved").hidden = !isProved;
    byId("unproved").hidden = isProved;
    this.#isDownloaded = false;
    const { file, kid, certificate, signKey } = provisioned;
    const facts: readonly [string, string | undefined][] = [
      ["Device", file.id],
      ["Board", `${file.board}, firmware ${file.firmware}`],
      ["MAC", file.mac.match(/../g)?.join(":")],
      ["Epoch", String(file.epoch)],
      ["Key identifier (kid)", kid],
      ["Certificate", certificate && `serial ${certificate.serial}`],
      ["valid until", certificate && new Date(certificate.notAfterMs).toISOString().slice(0, 10)],
      ["SHA-256 of it", certificate?.fingerprint],
      ["SHA-256 of the signing key", signKey],
      ["Publishes to", file.profile.topics.readings],
    ];
    byId("facts").replaceChildren(
      ...facts.flatMap(([name, value]) =>
        value === undefined ? [] : [element("dt", {}, name), element("dd", {}, value)],
      ),
    );
    byId("import").textContent = `dormouse fleet import ${fileName(provisioned)}`;
    this.#section.hidden = false;
    byId("result-title").focus();
  }

  #download(): void {
    const json = `${JSON.stringify(this.#provisioned!.file, null, 2)}\n`;
    const url = URL.createObjectURL(new Blob([json], { type: "application/json" }));
    const link = element("a", { href: url, download: fileName(this.#provisioned!) });
    link.click();
    this.#isDownloaded = true;
    // The browser has begun by then.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  /** Whether another result may take the place of this one: the person is asked while it is not downloaded. */
  mayForget(): boolean {
    return (
      !this.#isWaiting ||
      confirm("The file was not downloaded: without it nobody can read this device's messages. Go on?")
    );
  }

  get #isWaiting(): boolean {
    return this.#provisioned !== undefined && !this.#isDownloaded;
  }
}

function fileName({ file }: Provisioned): string {
  return `${file.id}.provisioned.json`;
}
