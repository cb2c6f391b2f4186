/** A process of its own that registers one device over and over, and tells which epochs it got. */
import { Register } from "../../../backend/fleet/register.js";

const register = new Register(process.argv[2]!);
const board = { origin: "serial", mac: "", board: "esp32", firmware: "0", profile: "" } as const;
const epochs = Array.from({ length: 20 }, () => register.begin({ id: "dormouse-1", ...board }).epoch);
register.close();
process.send!(epochs);
