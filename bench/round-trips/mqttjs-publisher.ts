/** Publishes one message with QoS 1 by MQTT.js, and disconnects when it is acknowledged: PORT CA CLIENT-ID TOPIC MESSAGE */
import { readFileSync } from "node:fs";
import mqtt from "mqtt";

const [port, ca, clientId, topic, message] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const client = mqtt.connect({
  protocol: "mqtts",
  host: "localhost",
  port: Number(port),
  ca: readFileSync(ca),
  clientId,
  reconnectPeriod: 0,
});
await client.publishAsync(topic, message, { qos: 1 });
await client.endAsync();
