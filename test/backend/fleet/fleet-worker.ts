/** A process of its own that provisions one device over and over, and tells which epochs it got. */
import { Fleet } from "../../../backend/fleet/fleet.js";
import { checkProfile } from "../../../cli/profile/check.js";

const fleet = new Fleet(process.argv[2]!);
const board = { origin: "serial", mac: "", board: "esp32", firmware: "0", profile: "" } as const;
const written = { schema: 1, device: { id: "d" }, wifi: { ssid: "b" }, broker: { host: "h" } };
const checked = checkProfile(JSON.stringify(written));
if (!checked.ok) throw new Error("the profile");
const { profile } = checked;
const epochs: number[] = [];
for (let n = 0; n < 6; n++) {
  const { epoch } = fleet.begin({ id: "d", ...board });
  await fleet.addKeys({ profile, epoch, secret: new Uint8Array(32).fill(epoch + 1), signPoint: null });
  epochs.push(epoch);
}
fleet.close();
process.send!(epochs);
