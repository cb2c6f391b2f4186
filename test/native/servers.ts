/** TLS servers of other makers on loopback, for one test each: started on a free port, ended by their own pid. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Certificate } from "./pki.js";

export interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

export interface TalkingServer extends Server {
  /** What it printed so far. */
  log(): string;
}

export type Version = "1.2" | "1.3";
export type ServerMaker = (certificate: Certificate, version: Version) => Promise<Server>;

/** As in Mosquitto's psk_file; the key in hexadecimal. */
export interface SharedKey {
  readonly identity: string;
  readonly key: string;
}

/** How a server shows who it is, and whom it wants to see. */
export interface Credentials {
  readonly certificate?: Certificate;
  /** Whose client certificates it demands. */
  readonly clientCA?: Certificate;
  readonly psk?: SharedKey;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
      .on("connect", () => {
        socket.destroy();
        resolve(true);
      })
      .on("error", () => resolve(false));
  });
}

interface Start {
  readonly command: string;
  readonly args: readonly string[];
  readonly ports: readonly number[];
  readonly cwd?: string | undefined;
  /** Called with what it prints; what it gives goes to the server's standard input. */
  readonly onOutput?: (text: string) => string;
}

// Debian keeps the broker where only root's PATH looks.
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

async function start({
  command,
  args,
  ports,
  cwd,
  onOutput = () => "",
}: Start): Promise<Omit<TalkingServer, "port">> {
  // stdin stays open: the servers end, or close the connection, when it does
  const child: ChildProcess = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
  let log = "";
  let ended: string | undefined;
  child.stdin?.on("error", () => {});
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-100_000);
      child.stdin?.write(onOutput(text));
    });
  const exited = new Promise<void>((resolve) => {
    child.on("error", ({ message }) => {
      ended = message;
      resolve();
    });
    child.on("close", (code) => {
      ended ??= `exit ${code}: ${log.slice(-2000)}`;
      resolve();
    });
  });
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  for (let tries = 0; tries < 500 && ended === undefined; tries++) {
    if ((await Promise.all(ports.map(accepts))).every(Boolean)) return { log: () => log, stop };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await stop();
  throw new Error(`${command} does not serve (${ended ?? "no connection"})`);
}

/**
 * `-rev` sends each line back reversed.
 * @param more further options of s_server, e.g. `-WWW` to serve files of `cwd`
 */
export async function opensslServer(
  { certificate, key }: Certificate,
  version: "1.0" | "1.1" | Version,
  more: readonly string[] = ["-rev"],
  cwd?: string,
): Promise<Server> {
  const port = await freePort();
  const flag = version === "1.0" ? "-tls1" : `-tls${version.replace(".", "_")}`;
  const files = ["-cert", certificate, "-key", key];
  const args = ["s_server", "-accept", `127.0.0.1:${port}`, ...files, flag, "-quiet", ...more];
  return { port, ...(await start({ command: "openssl", args, ports: [port], cwd })) };
}

/** What a talking s_server says once the handshake is done. */
export const welcome = "welcome\n";

/**
 * An s_server that prints what it thinks of each connection, and what came in it; it greets whoever got in.
 * For both versions, unless `more` says -tls1_2 or -tls1_3.
 */
export async function talkingOpenssl(
  { certificate, clientCA, psk }: Credentials,
  more: readonly string[] = [],
): Promise<TalkingServer> {
  const port = await freePort();
  const args = [
    ...["s_server", "-accept", `127.0.0.1:${port}`],
    ...(certificate ? ["-cert", certificate.certificate, "-key", certificate.key] : ["-nocert"]),
    ...(clientCA ? ["-CAfile", clientCA.certificate, "-Verify", "3", "-verify_return_error"] : []),
    ...(psk ? ["-psk", psk.key, "-psk_identity", psk.identity] : []),
    ...more,
  ];
  let line = "";
  const onOutput = (text: string): string => {
    const lines = (line + text).split("\n");
    line = lines.pop() ?? "";
    return lines.some((one) => one.startsWith("CIPHER is ")) ? welcome : "";
  };
  return { port, ...(await start({ command: "openssl", args, ports: [port], onOutput })) };
}

/** `--echo` sends everything back. gnutls-serv knows no address to bind to; it is ended with its test. */
export async function gnutlsServer(
  { certificate, key }: Certificate,
  version: "1.1" | Version,
  priority = "",
): Promise<Server> {
  const versions = `NORMAL:-VERS-ALL:+VERS-TLS${version}${priority}`;
  return gnutls(["--x509certfile", certificate, "--x509keyfile", key, "--priority", versions]);
}

/** A gnutls-serv that prints what it thinks of each connection. */
export async function talkingGnutls(
  folder: string,
  { certificate, clientCA, psk }: Credentials,
  more: readonly string[] = [],
): Promise<TalkingServer> {
  const passwords = join(folder, `gnutls-psk-${process.hrtime.bigint()}`);
  if (psk) writeFileSync(passwords, `${psk.identity}:${psk.key}\n`, { mode: 0o600 });
  return gnutls([
    ...(certificate ? ["--x509certfile", certificate.certificate, "--x509keyfile", certificate.key] : []),
    ...(clientCA
      ? ["--x509cafile", clientCA.certificate, "--require-client-cert", "--verify-client-cert"]
      : []),
    ...(psk ? ["--pskpasswd", passwords, "--priority", "NORMAL:-KX-ALL:+ECDHE-PSK"] : []),
    ...more,
  ]);
}

async function gnutls(options: readonly string[]): Promise<TalkingServer> {
  const port = await freePort();
  const args = ["-p", `${port}`, "--echo", ...options];
  return { port, ...(await start({ command: "gnutls-serv", args, ports: [port] })) };
}

export interface Broker extends Omit<TalkingServer, "port"> {
  readonly ports: readonly number[];
}

/** A Mosquitto with a listener for each of these, open to all who get in; the first line of its log names it. */
export async function mosquitto(folder: string, listeners: readonly Credentials[]): Promise<Broker> {
  const ports: number[] = [];
  const lines = [`user ${userInfo().username}`, "per_listener_settings true", "log_type all"];
  const file = (suffix: string) => join(folder, `mosquitto-${process.hrtime.bigint()}.${suffix}`);
  for (const { certificate, clientCA, psk } of listeners) {
    const port = await freePort();
    ports.push(port);
    lines.push(`listener ${port} 127.0.0.1`, "allow_anonymous true");
    if (certificate) lines.push(`certfile ${certificate.certificate}`, `keyfile ${certificate.key}`);
    if (clientCA) lines.push(`cafile ${clientCA.certificate}`, "require_certificate true");
    if (psk) {
      const keys = file("psk");
      writeFileSync(keys, `${psk.identity}:${psk.key}\n`, { mode: 0o600 });
      lines.push(`psk_file ${keys}`, "psk_hint dormouse");
    }
  }
  const config = file("conf");
  writeFileSync(config, `${lines.join("\n")}\n`);
  const running = await start({ command: "mosquitto", args: ["-c", config], ports });
  return { ports, ...running };
}

/** No TLS at all: does with each connection what a test says. */
export function rawServer(serve: (socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    serve(socket);
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject).listen(0, "127.0.0.1", () =>
      resolve({
        port: (server.address() as { port: number }).port,
        stop() {
          for (const socket of sockets) socket.destroy();
          return new Promise((done) => server.close(() => done()));
        },
      }),
    );
  });
}

/** Uses it, then stops it. */
export async function serving<S extends { stop(): Promise<void> }, T>(
  server: Promise<S>,
  use: (server: S) => Promise<T>,
): Promise<T> {
  const running = await server;
  try {
    return await use(running);
  } finally {
    await running.stop();
  }
}
