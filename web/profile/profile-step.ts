/** Step 3: the profile, what it needs beside it, and the provisioning. */

import { checkDeviceId } from "../../certs/pki/device-id.js";
import { type Checked, checkProfile, mistakeLine } from "../../cli/profile/check.js";
import { HostFailure } from "../../lib/provisioning/host-failure.js";
import { withDeviceId } from "../../lib/store/device-id.js";
import { type Profile, readProfile } from "../../lib/store/profile.js";
import { byId, element, lineOf, say } from "../dom.js";
import type { ResultStep } from "../result/result-step.js";
import type { Board } from "../serial/board.js";
import { Fields } from "./fields.js";
import type { Given } from "./given.js";
import { needsOf } from "./needs.js";

type Sound = Extract<Checked, { ok: true }>;

const maxProfileFileBytes = 65_536;

export class ProfileStep {
  readonly #board: Board;
  readonly #result: ResultStep;
  readonly #status = byId("provision-status");
  readonly #steps = byId("done-steps");
  readonly #id = byId<HTMLInputElement>("device-id");
  readonly #epoch = byId<HTMLInputElement>("epoch");
  #profile: { readonly name: string; readonly checked: Sound; readonly fields: Fields } | undefined;

  constructor(board: Board, result: ResultStep) {
    this.#board = board;
    this.#result = result;
    const input = byId<HTMLInputElement>("profile");
    input.addEventListener("click", () => {
      input.value = "";
    });
    input.addEventListener("change", () => this.#pick(input.files?.[0]));
    byId("needs").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#result.mayForget()) this.#provision();
    });
  }

  refresh(): void {
    byId<HTMLButtonElement>("provision").disabled = !this.#profile || !this.#board.chosen || this.#board.busy;
  }

  /** Another board comes. Profile and files stay picked, and what is typed is forgotten already. */
  forget(): void {
    this.#forgetSteps();
    this.#epoch.value = "0";
  }

  /** The board tells which device it was, and so which epoch its next secret has at least. */
  suggestEpoch(epoch: number): void {
    this.#epoch.value = String(epoch);
  }

  async #pick(file: File | undefined): Promise<void> {
    this.#profile = undefined;
    byId("needs").hidden = true;
    this.#forgetSteps();
    if (file) await this.#check(file);
    this.refresh();
  }

  async #check(file: File): Promise<void> {
    const list = byId("mistakes");
    list.replaceChildren();
    if (file.size > maxProfileFileBytes)
      return say(this.#status, `${file.name} is too large for a profile.`, true);
    const checked = checkProfile(await file.text());
    if (!checked.ok) {
      list.replaceChildren(...checked.mistakes.map((mistake) => element("li", {}, mistakeLine(mistake))));
      return;
    }
    const { profile, references, atProvisioning } = checked;
    const fields = new Fields(needsOf(profile, references, atProvisioning));
    byId("fields").replaceChildren(...fields.elements);
    this.#id.value = profile.device.id;
    byId("needs").hidden = false;
    this.#profile = { name: file.name, checked, fields };
  }

  async #provision(): Promise<void> {
    const { name, checked, fields } = this.#profile!;
    const { profile, atProvisioning } = checked;
    this.#forgetSteps();
    let given: Given | undefined;
    let isKept = false;
    try {
      given = await fields.read();
      const asked = {
        profile: renamed(profile, this.#id.value),
        profileName: name,
        atProvisioning,
        epoch: Number(this.#epoch.value),
        given,
      };
      say(this.#status, "Do not unplug the board …");
      // It brings the cryptography of certificates with it.
      const { provisionBoard } = await import("./session.js");
      const provisioned = await this.#board.overLine((line) =>
        provisionBoard(line, asked, {
          tell: (step) => this.#tell(step),
          keep: (unproved) => {
            isKept = true;
            this.#result.show(unproved);
            // Whatever comes of this one, the next secret is another.
            this.suggestEpoch(asked.epoch + 1);
          },
        }),
      );
      fields.forget();
      say(this.#status, "");
      this.#result.show(provisioned);
    } catch (error) {
      const action = error instanceof HostFailure ? `: ${error.action}` : "";
      const kept = isKept ? " Keep the file below: the board may have its keys already." : "";
      say(this.#status, `${lineOf(error)}${action}.${kept}`, true);
    } finally {
      for (const bytes of given?.values() ?? []) bytes.fill(0);
    }
  }

  #tell(step: string): void {
    this.#steps.append(element("li", {}, step));
  }

  #forgetSteps(): void {
    this.#steps.replaceChildren();
    byId("mistakes").replaceChildren();
    say(this.#status, "");
  }
}

/** As `dormouse provision --id` does. @throws {RangeError} when it cannot be another device's */
function renamed(profile: Profile, id: string): Profile {
  const { device } = profile;
  if (id === device.id) return profile;
  checkDeviceId(id);
  if (device.kid !== undefined)
    throw new RangeError(
      `device.kid: ${id} and ${device.id} would have the same: leave it out of the profile`,
    );
  const renamed = withDeviceId(profile, id);
  const read = readProfile(JSON.stringify(renamed));
  if ("kind" in read) throw new RangeError(`the profile of ${id}: ${read.detail}`);
  return renamed;
}
