/** The page's steps, and the board that they share. */
import { byId, lineOf, say } from "./dom.js";
import { FlashStep } from "./flash/flash-step.js";
import { Board } from "./serial/board.js";
import { webSerial } from "./serial/web-serial.js";
import { WifiStep } from "./wifi/wifi-step.js";

const maxLogLines = 300;

const log = byId("log");
const lines: string[] = [];
const board = new Board(refresh, (text) => {
  lines.push(text);
  if (lines.length > maxLogLines) lines.shift();
  log.textContent = lines.join("\n");
  log.scrollTop = log.scrollHeight;
});
const steps = [new FlashStep(board), new WifiStep(board)];

function refresh(): void {
  choose.disabled = board.busy;
  for (const step of steps) step.refresh();
}

const choose = byId<HTMLButtonElement>("choose");
choose.addEventListener("click", async () => {
  try {
    await board.choose();
    say(byId("board"), "Chosen. It is not opened before a step needs it.");
  } catch (error) {
    // NotFoundError: the person picked none, and knows.
    if ((error as DOMException).name !== "NotFoundError") say(byId("board"), lineOf(error), true);
  }
});

if (!webSerial()) {
  byId("unsupported").hidden = false;
  choose.disabled = true;
}
