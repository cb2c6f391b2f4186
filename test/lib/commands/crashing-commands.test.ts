import { equal, ok, type Platform, test } from "../../device/harness.js";
import { seededRandom } from "../store/crashing-device.js";
import { CrashingCommands, type Mistake } from "./crashing-commands.js";

function campaign({ crypto }: Platform, mistake: Mistake, tears: boolean) {
  let twice = 0;
  let acts = 0;
  let blocked = 0;
  for (let i = 0; i < 20; i++) {
    const world = new CrashingCommands(crypto, seededRandom(i + 1), mistake);
    world.live(8, tears);
    twice += world.twice;
    acts += world.acts.size;
    if (world.blocked) blocked++;
  }
  ok(acts > 20, "commands were acted on");
  return { twice, blocked };
}

test("no command is acted on twice, wherever the power fails", (platform) => {
  equal(campaign(platform, "none", false), { twice: 0, blocked: 0 });
  equal(campaign(platform, "none", true).twice, 0);
});

test("flash torn in the middle of a write blocks the controller", (platform) => {
  ok(campaign(platform, "none", true).blocked > 0, "some were blocked");
});

for (const mistake of ["window after the act", "window not written"] as const)
  test(`the campaign notices: ${mistake}`, (platform) => {
    ok(campaign(platform, mistake, false).twice > 0, "a command was acted on twice");
  });

test("the campaign notices: unreadable is empty", (platform) => {
  ok(campaign(platform, "unreadable is empty", true).twice > 0, "a command was acted on twice");
});
