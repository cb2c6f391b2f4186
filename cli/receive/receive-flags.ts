/** The options that `listen` and `bridge` share, besides those of any client: what to subscribe to, whose messages to believe, where to remember them. */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { defaultFleet, fleetKeyring, makeFleetFolder } from "../../backend/fleet/fleet.js";
import { checkTopicFilter } from "../../lib/mqtt/wire/topics.js";
import {
  addressOf,
  type ClientFlags,
  type ClientSettings,
  checked,
  clientSettings,
  collect,
  qosOf,
  versionOf,
} from "../mqtt/client-flags.js";
import { fileProblem, UsageError } from "../report.js";
import type { SourceOptions } from "./source.js";
import { TopicMap } from "./topic-map.js";

export interface ReceiveFlags extends ClientFlags {
  readonly keyring?: string;
  /** true: the default folder. */
  readonly fleet?: string | true;
  readonly replay?: string;
  readonly topic?: readonly string[];
  readonly group?: string;
  readonly map?: readonly string[];
}

/** @param replay what is remembered where without being said */
export function addReceiveOptions(command: Command, replay = "KEYRING.replay"): Command {
  return command
    .optionsGroup("What to receive:")
    .option("--keyring <FILE>", "the keys of those to believe; readable by its owner alone")
    .option(
      "--fleet [FOLDER]",
      `the keyring of those provisioned there, also while this runs (${defaultFleet})`,
    )
    .option("-t, --topic <FILTER>", "a topic filter; may be repeated (the topics of the keyring)", collect)
    .option("--map <FROM=TO>", "where a broker renames topics: what arrives on FROM was sent to TO", collect)
    .option("--group <NAME>", "share the subscription with others of this name (MQTT 5)")
    .option("-q, --qos <QOS>", "the highest to receive at: 0, 1 or 2 (1)")
    .option(
      "--replay <WHERE>",
      `what was seen already: a file (${replay}), :memory:, or env:NAME or file:PATH with a PostgreSQL's URL`,
    );
}

function keyringOf({ keyring, fleet }: ReceiveFlags): Pick<ReceiveSettings, "keyringPath" | "watch"> {
  if ((keyring === undefined) === (fleet === undefined)) throw new UsageError("give --keyring or --fleet");
  if (keyring !== undefined) return { keyringPath: keyring, watch: false };
  const folder = fleet === true ? defaultFleet : fleet!;
  try {
    makeFleetFolder(folder);
  } catch (error) {
    throw new UsageError(`--fleet ${fileProblem(folder, error)}`);
  }
  if (!existsSync(fleetKeyring(folder)))
    console.error(`dormouse: no board in ${folder} yet: listening to those that are provisioned from now on`);
  return { keyringPath: fleetKeyring(folder), watch: true };
}

export type ReceiveSettings = Omit<SourceOptions, "use" | "atOnce"> & { readonly settings: ClientSettings };

/** @throws {UsageError | OperatorError} in one line */
export async function receiveSettings(flags: ReceiveFlags): Promise<ReceiveSettings> {
  const address = addressOf(flags);
  const version = versionOf(flags);
  const { group } = flags;
  if (group !== undefined && version === 4) throw new UsageError("--group goes with -V mqttv5");
  if (group !== undefined && !/^[^/+#]+$/.test(group))
    throw new UsageError('--group: write a name without "/", "+" and "#"');
  const topics = [...(flags.topic ?? []), ...(address.topic === undefined ? [] : [address.topic])];
  for (const filter of topics) checked("-t", () => checkTopicFilter(filter, 4));
  const shared = topics.find((filter) => filter.startsWith("$share/"));
  if (shared !== undefined) throw new UsageError(`-t "${shared}": write --group NAME and the filter alone`);
  const topicMap = new TopicMap("--map", flags.map ?? []);
  const qos = qosOf("-q", flags.qos ?? "1");
  return {
    settings: await clientSettings(flags, address),
    ...keyringOf(flags),
    replay: flags.replay,
    topicMap,
    filters: topics.length > 0 ? [...new Set(topics)] : undefined,
    group,
    qos,
  };
}
