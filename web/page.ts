/** The page's steps, and the board that they share. */
import type { Info } from "../lib/provisioning/messages.js";
import { byId, lineOf, say } from "./dom.js";
import { FlashStep } from "./flash/flash-step.js";
import { ProfileStep } from "./profile/profile-step.js";
import { ResultStep } from "./result/result-step.js";
import { Board } from "./serial/board.js";
import { webSerial } from "./serial/web-serial.js";
import { WifiStep } from "./wifi/wifi-step.js";

const maxLogLines = 300;

const log = byId("log");
const lines: string[] = [];
const board = new Board({
  changed: refresh,
  greeted,
  logged(text) {
    lines.push(text);
    if (lines.length > maxLogLines) lines.shift();
    log.textContent = lines.join("\n");
    log.scrollTop = log.scrollHeight;
  },
  lost: () => say(byId("board"), "It was unplugged, or went away: plug it in and choose it again.", true),
});
const choose = byId<HTMLButtonElement>("choose");
const result = new ResultStep(async () => {
  profileStep.forget();
  await board.release();
  say(byId("board"), "None chosen yet.");
  choose.focus();
});
const profileStep = new ProfileStep(board, result);
const steps = [new FlashStep(board), new WifiStep(board), profileStep];

function refresh(): void {
  choose.disabled = board.busy;
  byId<HTMLButtonElement>("next").disabled = board.busy;
  for (const step of steps) step.refresh();
}

function greeted(info: Info | undefined): void {
  if (!info)
    return say(
      byId("board"),
      "It does not answer: write its firmware first, or press its reset button and choose it again.",
    );
  const { board: name, firmware, state, device } = info;
  const who = device ? `, ${device.id} of epoch ${device.epoch}` : "";
  say(byId("board"), `${name}, firmware ${firmware}, ${state}${who}.`);
  if (device) profileStep.suggestEpoch(device.epoch + 1);
}

choose.addEventListener("click", async () => {
  try {
    await board.choose();
    say(byId("board"), "Asking what it is …");
  } catch (error) {
    // NotFoundError: the person picked none, and knows.
    if ((error as DOMException).name !== "NotFoundError") say(byId("board"), lineOf(error), true);
  }
});

if (!webSerial()) {
  byId("unsupported").hidden = false;
  choose.disabled = true;
}
