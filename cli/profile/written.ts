import type { Profile } from "../../lib/store/profile.js";
import type { WrittenWifi } from "./at-provisioning.js";
import type { WrittenAccount } from "./auth-rules.js";
import type { WrittenCycle } from "./cycle-rules.js";
import type { WrittenTls } from "./tls-rules.js";
import type { WrittenCommands, WrittenTopics } from "./topic-rules.js";

/** The profile as written, once the schema holds and its defaults are in. */
export interface WrittenProfile {
  $schema?: string;
  schema: 1;
  device: Profile["device"];
  wifi: WrittenWifi;
  time: { server: string };
  broker: WrittenAccount & {
    host: string;
    port?: number;
    tls: WrittenTls | false;
    insecure?: true;
    websocket?: true | { path: string };
  };
  mqtt: Profile["mqtt"];
  topics: WrittenTopics;
  commands?: WrittenCommands;
  cycle: WrittenCycle;
  outbox?: NonNullable<Profile["outbox"]>;
  sensor: Profile["sensor"];
}
