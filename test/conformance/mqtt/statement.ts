/** A numbered normative statement of a standard, in our words; the standards' own are OASIS's. */
export interface Statement {
  /** As the standard numbers it, without brackets. */
  readonly id: string;
  /** Whom it binds: a statement for both ends binds a client too. */
  readonly who: "client" | "server" | "both";
  readonly says: string;
  /** Why this client has nothing to do with it, although it binds clients. */
  readonly appliesNot?: string;
}

export type Standard = "3.1.1" | "5";

export const client = entry("client");
export const server = entry("server");
export const both = entry("both");

function entry(who: Statement["who"]) {
  return (number: string, says: string, appliesNot?: string): Statement => ({
    id: `MQTT-${number}`,
    who,
    says,
    ...(appliesNot === undefined ? {} : { appliesNot }),
  });
}

export function applies({ who, appliesNot }: Statement): boolean {
  return who !== "server" && appliesNot === undefined;
}
