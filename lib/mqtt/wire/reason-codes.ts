/**
 * The reason codes of MQTT 5 (§2.4, table 2-6) and the return codes of 3.1.1 (§3.2.2.3), under the names the
 * standards give them, and what an operator can do about a refused connection.
 */
export type ProtocolVersion = 4 | 5;

export const reasonCode = {
  success: 0x00,
  disconnectWithWill: 0x04,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  topicNameInvalid: 0x90,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  sharedSubscriptionsNotSupported: 0x9e,
  subscriptionIdentifiersNotSupported: 0xa1,
  wildcardSubscriptionsNotSupported: 0xa2,
} as const;

const names: Readonly<Record<number, string>> = {
  0: "success",
  1: "granted QoS 1",
  2: "granted QoS 2",
  4: "disconnect with will message",
  16: "no matching subscribers",
  17: "no subscription existed",
  24: "continue authentication",
  25: "re-authenticate",
  128: "unspecified error",
  129: "malformed packet",
  130: "protocol error",
  131: "implementation specific error",
  132: "unsupported protocol version",
  133: "client identifier not valid",
  134: "bad user name or password",
  135: "not authorized",
  136: "server unavailable",
  137: "server busy",
  138: "banned",
  139: "server shutting down",
  140: "bad authentication method",
  141: "keep alive timeout",
  142: "session taken over",
  143: "topic filter invalid",
  144: "topic name invalid",
  145: "packet identifier in use",
  146: "packet identifier not found",
  147: "receive maximum exceeded",
  148: "topic alias invalid",
  149: "packet too large",
  150: "message rate too high",
  151: "quota exceeded",
  152: "administrative action",
  153: "payload format invalid",
  154: "retain not supported",
  155: "QoS not supported",
  156: "use another server",
  157: "server moved",
  158: "shared subscriptions not supported",
  159: "connection rate exceeded",
  160: "maximum connect time",
  161: "subscription identifiers not supported",
  162: "wildcard subscriptions not supported",
};

/** 3.1.1's CONNACK return codes, by the MQTT 5 code that says the same. */
const returnCodes: readonly number[] = [0, 132, 133, 136, 134, 135];

const advice: Readonly<Record<number, string>> = {
  132: "set the profile to the version the broker speaks",
  133: "check the client id, and any prefix the broker wants",
  134: "check user name and password in profile and broker",
  135: "check credentials, client certificate and the broker's access list",
  136: "the broker is not ready; the next wake tries again",
  137: "the broker is overloaded; the next wake tries again",
  138: "the broker's operator has banned this client",
  140: "the broker wants another authentication method",
  142: "another client uses the same client id",
  149: "send smaller messages, or raise the broker's limit",
  151: "a quota of the broker is used up",
  156: "point the profile at the other broker",
  157: "point the profile at the new broker",
  159: "wake less often",
};

/** The standard's name of an MQTT 5 reason code. */
export function reasonName(code: number): string {
  return names[code] ?? `reason ${code}`;
}

/** Codes that a broker may send in each packet, but for success (§2.4, table 2-6; the tables of chapter 3). */
const codesOf = {
  connack: [
    128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 140, 144, 149, 151, 153, 154, 155, 156, 157, 159,
  ],
  puback: [16, 128, 131, 135, 144, 145, 151, 153],
  pubrel: [146],
  suback: [1, 2, 128, 131, 135, 143, 145, 151, 158, 161, 162],
  unsuback: [17, 128, 131, 135, 143, 145],
  disconnect: [
    128, 129, 130, 131, 135, 137, 139, 140, 141, 142, 143, 144, 147, 148, 149, 150, 151, 152, 153, 154, 155,
    156, 157, 158, 159, 160, 161, 162,
  ],
  auth: [24],
} as const;

/** Whether a broker may send this MQTT 5 code in a packet of this type; PUBREC has PUBACK's, PUBCOMP has PUBREL's. */
export function isCodeOf(type: keyof typeof codesOf, code: number): boolean {
  return code === 0 || (codesOf[type] as readonly number[]).includes(code);
}

/**
 * The MQTT 5 reason code that a CONNACK's code means in `version`, so that one table serves both.
 * @returns undefined for a code the version does not have
 */
export function connackReason(version: ProtocolVersion, code: number): number | undefined {
  if (version === 4) return returnCodes[code];
  return isCodeOf("connack", code) ? code : undefined;
}

/**
 * One line for the operator: the name, the code as the broker sent it, what to do where that is known, and the
 * broker's own words.
 */
export function describeReason(reason: number, sent: number, text = ""): string {
  const action = advice[reason];
  return `${reasonName(reason)} (${sent})${action ? `: ${action}` : ""}${quoted(text)}`;
}

/** Anybody's words, fit for one line of a log. */
function quoted(text: string): string {
  let printable = "";
  for (let i = 0; i < text.length && i < 80; i++) {
    const unit = text.charCodeAt(i);
    printable += unit >= 0x20 && unit <= 0x7e ? text[i] : "?";
  }
  return printable ? ` ("${printable}")` : "";
}
