/** `dormouse info`: what a board says of itself. Nothing of it is proved: that is what `dormouse verify` is for. */
import type { Command } from "commander";
import type { Info } from "../../lib/provisioning/messages.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import { withBoard } from "./board.js";
import { type PortFlags, portFlags } from "./port-flags.js";
import { fieldLines, hex, macText } from "./shown.js";

async function info({ port, baud, wait, json }: PortFlags): Promise<void> {
  const said = await withBoard({ port, baud, waitMs: wait }, async ({ info }) => info);
  if (json) console.log(printableJson(infoJson(port, said)));
  else for (const line of fieldLines(infoFields(port, said))) console.log(printableLine(line));
}

const states: { readonly [state in Info["state"]]: string } = {
  unprovisioned: "unprovisioned",
  staging: "unprovisioned: somebody began and did not end",
  locked: "provisioned and locked",
};

function infoFields(port: string, info: Info): [name: string, value: string | undefined][] {
  const { device } = info;
  return [
    ["port", port],
    ["state", states[info.state]],
    ["board", info.board],
    ["firmware", info.firmware],
    ["mac", macText(info.mac)],
    ["unlocked by", info.button ? "its button, after a reset" : "erasing its flash"],
    ["P-256", info.p256 ? "yes" : "no"],
    ["Wi-Fi", info.wifiSsid],
    ["device", device?.id],
    ["epoch", device && String(device.epoch)],
    ["kid", device && hex(device.kid)],
    ["certificate", device?.certificate && `SHA-256 ${hex(device.certificate)}`],
    ["signing key", device?.signKey && `SHA-256 ${hex(device.signKey)}`],
  ];
}

function infoJson(port: string, { device, ...board }: Info): object {
  return {
    port,
    ...board,
    ...(device && {
      device: {
        id: device.id,
        epoch: device.epoch,
        kid: hex(device.kid),
        ...(device.certificate && { certificateSha256: hex(device.certificate) }),
        ...(device.signKey && { signKeySha256: hex(device.signKey) }),
      },
    }),
  };
}

export function addInfoCommand(parent: Command): void {
  portFlags(parent.command("info"))
    .description(
      "Show what a board says of itself. One that is provisioned answers in the first 10 s after a reset.",
    )
    .addHelpText("after", "\nExample:\n  $ dormouse info --port /dev/ttyUSB0 --wait 1m")
    .action(info);
}
