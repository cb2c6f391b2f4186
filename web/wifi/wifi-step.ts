/** Step 2: the network that the board joins, tried at once. The password is forgotten as soon as the board has it. */
import { byId, element, lineOf, say } from "../dom.js";
import type { Board } from "../serial/board.js";
import { join, type Network, scan } from "./improv-client.js";

export class WifiStep {
  readonly #board: Board;
  readonly #status = byId("wifi-status");
  readonly #ssid = byId<HTMLInputElement>("ssid");
  readonly #password = byId<HTMLInputElement>("wifi-password");

  constructor(board: Board) {
    this.#board = board;
    byId("scan").addEventListener("click", () => this.#scan());
    byId("wifi").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#join();
    });
  }

  refresh(): void {
    const disabled = !this.#board.chosen || this.#board.busy;
    byId<HTMLButtonElement>("scan").disabled = disabled;
    byId<HTMLButtonElement>("join").disabled = disabled;
  }

  async #scan(): Promise<void> {
    say(this.#status, "The board looks around …");
    try {
      const networks = await this.#board.overLine(scan);
      byId("networks").replaceChildren(...networks.map(({ ssid }) => element("option", { value: ssid })));
      byId("found").replaceChildren(...networks.map((network) => this.#choice(network)));
      say(this.#status, networks.length === 0 ? "No network in reach." : `${networks.length} in reach.`);
    } catch (error) {
      say(this.#status, lineOf(error), true);
    }
  }

  #choice({ ssid, rssi, secured }: Network): HTMLElement {
    const button = element(
      "button",
      { type: "button" },
      `${ssid} `,
      element("small", {}, `${rssi} dBm${secured ? "" : ", open"}`),
    );
    button.addEventListener("click", () => {
      this.#ssid.value = ssid;
      this.#password.focus();
    });
    return element("li", {}, button);
  }

  async #join(): Promise<void> {
    const ssid = this.#ssid.value;
    say(this.#status, `The board tries ${ssid} …`);
    try {
      await this.#board.overLine((line) => join(line, ssid, this.#password.value));
      this.#password.value = "";
      say(this.#status, `The board has joined ${ssid}, and keeps it.`);
    } catch (error) {
      say(this.#status, lineOf(error), true);
    }
  }
}
