/** `dormouse ports`: the serial ports of this machine and the simulated devices that run on it. */
import type { Command } from "commander";
import { simulatedPorts } from "../../host-sim/ports.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import { type SerialPortInfo, serialPorts } from "./port-list.js";

async function ports({ json }: { readonly json?: boolean }): Promise<void> {
  const found: SerialPortInfo[] = [
    ...(await serialPorts()),
    ...simulatedPorts().map((name) => ({ port: `sim:${name}`, bridge: "simulated" })),
  ];
  if (json) for (const port of found) console.log(printableJson(port));
  else for (const line of table(found)) console.log(line);
  if (found.length === 0)
    console.error(
      'dormouse: no serial port: plug a board in by a cable that carries data, or start one with "npm run sim -- --unprovisioned"',
    );
}

function table(found: readonly SerialPortInfo[]): string[] {
  const rows = found.map(({ port, vendorId, productId, bridge, manufacturer }) => [
    port,
    vendorId && productId ? `${vendorId}:${productId}` : "",
    bridge ?? "",
    manufacturer ?? "",
  ]);
  const widths = [0, 1, 2].map((at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) =>
    printableLine(row.map((text, at) => text.padEnd(widths[at] ?? 0)).join("  ")).trimEnd(),
  );
}

export function addPortsCommand(parent: Command): void {
  parent
    .command("ports")
    .description("List the serial ports that a board may be at, and the simulated devices that run.")
    .option("--json", "one JSON object a line")
    .addHelpText("after", "\nExample:\n  $ dormouse ports")
    .action(ports);
}
