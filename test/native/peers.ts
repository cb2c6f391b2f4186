/** The three servers that the device's identities are shown to, each with three ways of letting someone in. */
import type { Attempt } from "../device/tls-client.js";
import {
  type Credentials,
  mosquitto,
  type TalkingServer,
  talkingGnutls,
  talkingOpenssl,
  welcome,
} from "./servers.js";

/** One port of a server, and how to talk with it. */
export interface Peer {
  readonly port: number;
  /** What the device says, and how much answer there is. */
  readonly talk: Pick<Attempt, "send" | "expectBytes">;
  readonly answer: string;
  log(): string;
  /** How many connections were resumed, in the server's own words; not all servers say. */
  readonly resumptions?: () => number;
}

export interface Peers {
  /** Asks for no certificate. */
  readonly open: Peer;
  /** Demands one. */
  readonly mutual: Peer;
  readonly preshared: Peer;
  stop(): Promise<void>;
}

type PeersMaker = (
  folder: string,
  open: Credentials,
  mutual: Credentials,
  preshared: Credentials,
) => Promise<Peers>;

const line = "the quick brown dormouse\n";

function lines(log: string, start: string): number {
  return log.split("\n").filter((one) => one.startsWith(start)).length;
}

function peerOf(server: TalkingServer, answer: string, resumedLine: string): Peer {
  return {
    port: server.port,
    log: server.log,
    talk: { send: line, expectBytes: answer.length },
    answer,
    resumptions: () => lines(server.log(), resumedLine),
  };
}

async function separate(
  serve: (credentials: Credentials) => Promise<TalkingServer>,
  all: readonly Credentials[],
  answer: string,
  resumedLine: string,
): Promise<Peers> {
  const servers = await Promise.all(all.map((one) => serve(one)));
  const [open, mutual, preshared] = servers.map((server) => peerOf(server, answer, resumedLine));
  return {
    open: open!,
    mutual: mutual!,
    preshared: preshared!,
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

/** CONNECT (3.1.1, clean session, id "d1"), and one PUBLISH of QoS 1; CONNACK and PUBACK. */
const mqttTalk = {
  send: "hex:100e00044d5154540402003c00026431320700026474000178",
  expectBytes: 8,
};
const mqttAnswer = "\x20\\x02\\x00\\x00@\\x02\\x00\\x01";

async function mosquittoPeers(folder: string, ...all: readonly Credentials[]): Promise<Peers> {
  const broker = await mosquitto(folder, all);
  const [open, mutual, preshared] = broker.ports.map((port) => ({
    port,
    log: broker.log,
    talk: mqttTalk,
    answer: mqttAnswer,
  }));
  return { open: open!, mutual: mutual!, preshared: preshared!, stop: broker.stop };
}

export const peerMakers: ReadonlyMap<string, PeersMaker> = new Map<string, PeersMaker>([
  ["OpenSSL", (_, ...all) => separate(talkingOpenssl, all, welcome, "Reused session-id")],
  [
    "GnuTLS",
    (folder, ...all) =>
      separate((one) => talkingGnutls(folder, one), all, line, "*** This is a resumed session"),
  ],
  ["Mosquitto", mosquittoPeers],
]);

/** Waits for what a server prints late; the test's own assertion says what is missing after all. */
export async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition() && waited < 3000; waited += 20)
    await new Promise((resolve) => setTimeout(resolve, 20));
}
