// MQTT: the client MQTT.js with the broker Aedes; for version 5, which that does not speak, with a server that
// answers by the library mqtt-packet.
//
// Options: version (4 or 5).

import { createRequire } from "node:module";
import { Aedes } from "aedes";
import mqtt from "mqtt";
import { createWebSocketStream, WebSocketServer } from "ws";
import { later, options, peers } from "./peers.mjs";

const { generate, parser } = createRequire(createRequire(import.meta.url).resolve("mqtt"))("mqtt-packet");

function answers({ cmd, messageId, topic, payload, subscriptions }) {
  const packet = (cmd, more) => ({ cmd, messageId, ...more });
  if (cmd === "connect") return [packet("connack", { reasonCode: 0, properties: { topicAliasMaximum: 10 } })];
  if (cmd === "subscribe") return [packet("suback", { granted: subscriptions.map(({ qos }) => qos) })];
  if (cmd === "unsubscribe") return [packet("unsuback", { granted: [0] })];
  if (cmd === "pingreq") return [packet("pingresp")];
  if (cmd !== "publish") return [];
  if (topic === "forbidden") return [packet("puback", { reasonCode: 0x87, properties: { reasonString: "never" } })];
  const echo = { cmd: "publish", topic: topic || "sensors/alias", payload, qos: 0 };
  return messageId ? [echo, packet("puback", { reasonCode: 0 })] : [echo];
}

function version5(http) {
  const server = new WebSocketServer({ server: http, handleProtocols: () => "mqtt" });
  server.on("connection", (socket) => {
    const reader = parser({ protocolVersion: 5 });
    reader.on("packet", (packet) => {
      const bytes = answers(packet).map((answer) => generate(answer, { protocolVersion: 5 }));
      if (bytes.length) socket.send(Buffer.concat(bytes));
    });
    socket.on("message", (data) => reader.parse(data));
  });
}

async function aedes(http) {
  const broker = await Aedes.createBroker();
  new WebSocketServer({ server: http, handleProtocols: () => "mqtt" }).on("connection", (socket, request) =>
    broker.handle(createWebSocketStream(socket), request),
  );
  return () => broker.close();
}

await peers(options.version === 5 ? version5 : aedes, async (url) => {
  const client = await mqtt.connectAsync(`${url}/mqtt`, {
    protocolVersion: options.version,
    clientId: "node",
    keepalive: 1,
    will: { topic: "gone", payload: "node", qos: 1 },
    ...(options.version === 5 ? { properties: { topicAliasMaximum: 5 }, autoAssignTopicAlias: true } : {}),
  });
  await client.subscribeAsync("sensors/#", { qos: options.version === 5 ? 1 : 2 });
  const heard = new Promise((resolve) => {
    let count = 0;
    client.on("message", () => ++count === 3 && resolve());
  });
  await client.publishAsync("sensors/a", '{"t":21.50}', { qos: 0, retain: true });
  await client.publishAsync("sensors/b", Buffer.from([255, 0]), { qos: 1 });
  if (options.version === 5) {
    await client.publishAsync("sensors/b", "again", { qos: 1, properties: { userProperties: { k: "v" } } });
    await client.publishAsync("forbidden", "no", { qos: 1 }).catch(() => {});
  } else {
    await client.publishAsync("sensors/c", "x".repeat(100000), { qos: 2 });
  }
  await heard;
  await later(1500);
  await client.unsubscribeAsync("sensors/#");
  await client.endAsync();
});
