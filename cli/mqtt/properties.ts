/** `-D COMMAND IDENTIFIER VALUE`: the properties of MQTT 5 that say something of a message or of the client. */
import type { Will } from "../../lib/mqtt/wire/packet-types.js";
import { UsageError } from "../report.js";
import { whole } from "../values.js";

type Properties = Partial<Pick<Will, "delaySeconds" | (typeof ofMessages)[number]>>;
type Mutable = { -readonly [Name in keyof Properties]: Properties[Name] };

const ofMessages = [
  "payloadIsText",
  "messageExpirySeconds",
  "contentType",
  "responseTopic",
  "correlationData",
  "userProperties",
] as const;

const commands = ["connect", "publish", "will"] as const;
type Command = (typeof commands)[number];

export type PropertiesByCommand = Readonly<Record<Command, Properties>>;

const seconds = (name: string, text: string) => whole(`-D ${name}`, text, 0, 0xffff_ffff);

/** What each takes, besides user-property. */
const setters: { readonly [identifier: string]: (to: Mutable, text: string) => void } = {
  "content-type": (to, text) => {
    to.contentType = text;
  },
  "message-expiry-interval": (to, text) => {
    to.messageExpirySeconds = seconds("message-expiry-interval", text);
  },
  "payload-format-indicator": (to, text) => {
    to.payloadIsText = whole("-D payload-format-indicator", text, 0, 1) === 1;
  },
  "response-topic": (to, text) => {
    to.responseTopic = text;
  },
  "correlation-data": (to, text) => {
    to.correlationData = Buffer.from(text);
  },
  "will-delay-interval": (to, text) => {
    to.delaySeconds = seconds("will-delay-interval", text);
  },
};

const allowed: Readonly<Record<Command, readonly string[]>> = {
  connect: ["user-property"],
  publish: [...Object.keys(setters).filter((name) => name !== "will-delay-interval"), "user-property"],
  will: [...Object.keys(setters), "user-property"],
};

/** @param words all that stood after every -D, one after the other */
export function propertiesOf(words: readonly string[]): PropertiesByCommand {
  const all: Record<Command, Mutable> = { connect: {}, publish: {}, will: {} };
  for (let at = 0; at < words.length; ) {
    const command = commands.find((known) => known === words[at]?.toLowerCase());
    if (!command) throw new UsageError(`-D "${words[at]}": write CONNECT, PUBLISH or WILL first`);
    const identifier = words[at + 1] ?? "";
    if (!allowed[command].includes(identifier))
      throw new UsageError(`-D ${words[at]} "${identifier}": must be one of ${allowed[command].join(", ")}`);
    const isUserProperty = identifier === "user-property";
    const values = words.slice(at + 2, at + (isUserProperty ? 4 : 3));
    if (values.length < (isUserProperty ? 2 : 1))
      throw new UsageError(
        `-D ${words[at]} ${identifier}: needs ${isUserProperty ? "a name and a value" : "a value"}`,
      );
    const to = all[command];
    if (isUserProperty) to.userProperties = [...(to.userProperties ?? []), [values[0]!, values[1]!]];
    else setters[identifier]!(to, values[0]!);
    at += 2 + values.length;
  }
  return all;
}
