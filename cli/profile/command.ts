/** `dormouse profile check FILE`: every mistake in a profile, each on a line with its remedy. */
import type { Command } from "commander";
import type { Outcome } from "../outcome.js";
import { fileText } from "../values.js";
import { checkProfile, mistakeLine } from "./check.js";

export function addProfileCommand(parent: Command, outcome: Outcome): void {
  const profile = parent
    .command("profile")
    .description("Check device profiles.")
    .helpCommand(false)
    .addHelpText("after", "\nExample:\n  $ dormouse profile check profiles/simulator.json");
  profile
    .command("check")
    .description(
      "Explain each mistake in a profile. Exit code 1 when there is one, 2 when there is no such file.",
    )
    .argument("<FILE>", "the profile")
    .option("--json", "the result as one JSON object")
    .addHelpText("after", "\nExample:\n  $ dormouse profile check profiles/simulator.json")
    .action(async (path: string, flags: { json?: boolean }) => {
      const checked = checkProfile(await fileText(path));
      const mistakes = checked.ok ? [] : checked.mistakes;
      if (flags.json) console.log(JSON.stringify({ file: path, ok: checked.ok, mistakes }));
      else if (checked.ok) console.log(`${path}: sound (device ${checked.profile.device.id})`);
      else for (const mistake of mistakes) console.log(`${path}: ${mistakeLine(mistake)}`);
      outcome.exitCode = checked.ok ? 0 : 1;
    });
}
