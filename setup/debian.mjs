/**
 * What only the tests need and npm does not have: real brokers and TLS peers, a 32-bit compiler. Installed
 * with apt as root on Debian; elsewhere one line says what to install.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { progress, run, SetupError } from "./steps.mjs";

/** @typedef {{ package: string, needed: string, present: () => boolean, required: boolean }} Tool */

/** @type {Tool[]} */
const tools = [
  tool("mosquitto", "the broker of the end-to-end tests", () => has("mosquitto", "/usr/sbin/mosquitto")),
  tool("mosquitto-clients", "independent MQTT clients", () => has("mosquitto_sub")),
  tool("python3-paho-mqtt", "Paho, an independent MQTT client", () => pythonWith("paho.mqtt.client")),
  tool("openssl", "an independent TLS peer and certificate checker", () => has("openssl")),
  tool("gnutls-bin", "a second TLS peer", () => has("gnutls-serv")),
  tool("tshark", "the independent reader of captures", () => has("tshark")),
  tool("python3-cbor2", "the independent vectors", () => pythonWith("cbor2")),
  tool("python3-cryptography", "the receiver in Python", () => pythonWith("cryptography")),
  tool("chromium", "the browser that looks at the simulator's reports", () => has("chromium")),
  tool("postgresql", "the replay store of several machines", hasPostgresql),
  // Without it the benchmark of sealed payloads counts no instructions.
  { ...tool("valgrind", "to count instructions", () => has("valgrind")), required: false },
  // Without it enhanced authentication is not tried against a real broker.
  { ...tool("mosquitto-dev", "to build a plugin of the broker", hasPluginHeader), required: false },
  // Without it the engine is 64-bit: everything runs, and only device-true byte counts are scaled.
  { ...tool("gcc-multilib", "32-bit builds, as on a board", has32Bit), required: false },
];

export async function testTools() {
  let missing = tools.filter(({ present }) => !present());
  if (missing.length && existsSync("/etc/debian_version") && process.getuid?.() === 0) {
    const packages = missing.map((item) => item.package);
    progress(`apt: ${packages.join(", ")} …`);
    // In run level 1 a package starts no server: the tests start their own.
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
    await run("apt-get", ["update", "-q"], { env });
    await run("apt-get", ["install", "-q", "-y", "--no-install-recommends", ...packages], { env });
    missing = tools.filter(({ present }) => !present());
  }
  const required = missing.filter((item) => item.required);
  if (required.length === 0) return;
  const names = required.map((item) => `${item.package} (${item.needed})`).join(", ");
  const packages = required.map((item) => item.package).join(" ");
  throw new SetupError(`the tests need ${names}; on Debian: sudo apt install ${packages}`);
}

/** @returns {Tool} */
function tool(
  /** @type {string} */ name,
  /** @type {string} */ needed,
  /** @type {() => boolean} */ present,
) {
  return { package: name, needed, present, required: true };
}

/** @param {string} command @param {string} [elsewhere] */
function has(command, elsewhere) {
  return (
    succeeds("sh", ["-c", `command -v ${command}`]) || (elsewhere !== undefined && existsSync(elsewhere))
  );
}

/** @param {string} command @param {string[]} args */
function succeeds(command, args) {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** Debian's own python3 has Debian's modules, whatever python3 is first in the PATH. */
function pythonWith(/** @type {string} */ module) {
  return ["/usr/bin/python3", "python3"].some((python) => succeeds(python, ["-c", `import ${module}`]));
}

function hasPluginHeader() {
  return existsSync("/usr/include/mosquitto_plugin.h");
}

/** Debian keeps the server's own programs out of the PATH, in a folder for each version. */
function hasPostgresql() {
  const versions = "/usr/lib/postgresql";
  return (
    existsSync(versions) && readdirSync(versions).some((name) => existsSync(`${versions}/${name}/bin/initdb`))
  );
}

function has32Bit() {
  if (process.platform !== "linux" || process.arch !== "x64") return true;
  const input = "#include <sys/socket.h>\nint main(void) { return 0; }\n";
  const args = ["-m32", "-x", "c", "-o", "/dev/null", "-"];
  return spawnSync(process.env.CC || "cc", args, { input, stdio: ["pipe", "ignore", "ignore"] }).status === 0;
}
