/** MQTT clients, as they come: each publishes one message with QoS 1 and disconnects. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { compiledPath, root } from "../../host-sim/paths.js";
import { env } from "../../test/e2e/mqtt-mosquitto.js";

/** Where to, and as whom. */
export interface Errand {
  readonly port: number;
  /** PEM. */
  readonly caFile: string;
  readonly clientId: string;
  readonly topic: string;
  readonly message: string;
}

export interface Publisher {
  readonly name: string;
  /** What is to be installed; undefined when it is there. */
  missing(): string | undefined;
  /** Done when the client has ended. @throws {Error} when it failed */
  publish(errand: Errand): Promise<void>;
}

const withinMs = 60_000;
const here = `${root}bench/round-trips/`;

/** Paho's client sends PUBLISH behind CONNECT when it is asked that early; its one-line helper waits for CONNACK. */
const paho = (name: string, how: "client" | "single"): Publisher => ({
  name,
  missing: () => (pahoPython() ? undefined : "Paho for Python (Debian: python3-paho-mqtt)"),
  publish: ({ port, caFile, clientId, topic, message }) =>
    run(pahoPython()!, [`${here}paho-publisher.py`, how, `${port}`, caFile, clientId, topic, message]),
});

/** `dormouse pub` takes them, too. */
const mosquittoPub = ({ port, caFile, clientId, topic, message }: Errand): string[] => [
  ...["-h", "localhost", "-p", `${port}`, "--cafile", caFile, "-i", clientId],
  ...["-t", topic, "-m", message, "-q", "1"],
];

export const publishers: readonly Publisher[] = [
  {
    name: "dormouse pub",
    missing: () => undefined,
    publish: (errand) =>
      run(process.execPath, [compiledPath(`${root}cli/main.ts`), "pub", ...mosquittoPub(errand)]),
  },
  {
    name: "mosquitto_pub",
    missing: () => (isThere("mosquitto_pub") ? undefined : "mosquitto_pub (Debian: mosquitto-clients)"),
    publish: (errand) => run("mosquitto_pub", mosquittoPub(errand)),
  },
  {
    name: "mqtt.js",
    missing: () => undefined,
    publish: ({ port, caFile, clientId, topic, message }) =>
      run(process.execPath, [
        compiledPath(`${here}mqttjs-publisher.ts`),
        ...[`${port}`, caFile, clientId, topic, message],
      ]),
  },
  paho("paho", "client"),
  paho("paho, publish.single", "single"),
];

/** As Publisher.missing, of the broker. */
export function brokerMissing(): string | undefined {
  return isThere("mosquitto") ? undefined : "Mosquitto (Debian: mosquitto)";
}

/** Debian's own python3 has Debian's modules, whatever python3 is first in the PATH. */
function pahoPython(): string | undefined {
  return ["/usr/bin/python3", "python3"].find(
    (python) => spawnSync(python, ["-c", "import paho.mqtt.client"]).status === 0,
  );
}

function isThere(command: string): boolean {
  return spawnSync(command, ["--help"], { env }).error === undefined;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "pipe"], timeout: withinMs });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const [code, signal] = await once(child, "close");
  if (code !== 0) throw new Error(`${command} ended with ${signal ?? code}: ${errors.trim()}`);
}
