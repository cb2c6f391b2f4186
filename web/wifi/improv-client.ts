/** Asks a board over Improv Wi-Fi Serial: one command at a time, as its devices want it. */
import type { PortEvent } from "../../lib/provisioning/demultiplexer.js";
import {
  encodeImprovCommand,
  type ImprovCommand,
  type ImprovMessage,
  improvCommands,
  improvErrors,
  improvStates,
  readImprovMessage,
} from "../../lib/provisioning/improv.js";
import type { Line } from "../serial/line.js";

export interface Network {
  readonly ssid: string;
  readonly rssi: number;
  readonly secured: boolean;
}

const scanMs = 20_000;
const joinMs = 60_000;

/** What is in reach, each name once, the nearest first. @throws {Error} in one line */
export async function scan(line: Line): Promise<Network[]> {
  const found = new Map<string, Network>();
  await ask(line, { command: improvCommands.scan }, scanMs, (message) => {
    if (message.kind !== "result" || message.command !== improvCommands.scan) return false;
    const [ssid, rssi, secured] = message.strings;
    if (ssid === undefined) return true;
    const network = { ssid, rssi: Number(rssi), secured: secured !== "NO" };
    const known = found.get(ssid);
    if (ssid !== "" && !(known && known.rssi >= network.rssi)) found.set(ssid, network);
    return false;
  });
  return [...found.values()].sort((a, b) => b.rssi - a.rssi);
}

/** The board joins, and keeps what it joined with. @throws {Error} in one line */
export function join(line: Line, ssid: string, password: string): Promise<void> {
  return ask(line, { command: improvCommands.wifi, ssid, password }, joinMs, (message) =>
    message.kind === "state"
      ? message.state === improvStates.provisioned
      : message.kind === "result" && message.command === improvCommands.wifi,
  );
}

/** @param isLast whether the message is the last of the answer */
function ask(
  line: Line,
  command: ImprovCommand,
  withinMs: number,
  isLast: (message: ImprovMessage) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (act: () => void) => {
      clearTimeout(timer);
      stop();
      act();
    };
    const stop = line.listen((event: PortEvent) => {
      const message = event.kind === "improv" ? readImprovMessage(event.packet) : undefined;
      if (!message) return;
      if (message.kind === "error") {
        // None: the board takes an older one back.
        if (message.error !== improvErrors.none) end(() => reject(new Error(meaningOf(message.error))));
      } else if (isLast(message)) end(resolve);
    });
    const timer = setTimeout(() => end(() => reject(new Error(silent))), withinMs);
    const packet = encodeImprovCommand(command);
    line.send(packet);
    packet.fill(0);
  });
}

const silent =
  "The board does not answer. Press its reset button and try again; a board without firmware needs step 1 first.";

function meaningOf(error: number): string {
  switch (error) {
    case improvErrors.unableToConnect:
      return "The board could not join: check the name and the password, and that it is a 2.4 GHz network.";
    case improvErrors.notAuthorized:
      return "The board is provisioned and locked. Press and let go its reset button, then hold its button (BOOT, FLASH) for 5 s within 10 s; that erases its keys.";
    case improvErrors.unknownCommand:
      return "The board's firmware cannot do this.";
    default:
      return `The board refuses (Improv error ${error}).`;
  }
}
