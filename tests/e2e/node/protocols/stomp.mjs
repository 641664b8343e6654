// STOMP: a broker of Node and the client of ActiveMQ and Spring, also inside SockJS.
//
// Options: sockjs; split, to have large frames over several messages.

import { createRequire } from "node:module";
import { Client } from "@stomp/stompjs";
import ws from "ws";
import { later, options, peers } from "./peers.mjs";

const require = createRequire(import.meta.url);
const Broker = require("stomp-broker-js");

await peers(
  (http) => {
    const protocol = options.sockjs ? "sockjs" : "ws";
    const broker = new Broker({ server: http, path: "/stomp", protocol, heartbeat: [200, 200] });
    broker.subscribe("/app/hello", (message) => broker.send("/topic/a", {}, message));
  },
  async (url) => {
    const webSocketFactory = options.sockjs
      ? () => new (require("sockjs-client"))(`${url.replace("ws", "http")}/stomp`, null, { transports: ["websocket"] })
      : () => new ws(`${url}/stomp`, ["v12.stomp", "v11.stomp"]);
    const client = new Client({
      webSocketFactory,
      reconnectDelay: 0,
      heartbeatIncoming: 200,
      heartbeatOutgoing: 200,
      splitLargeFrames: Boolean(options.split),
      maxWebSocketChunkSize: 1000,
    });
    await new Promise((resolve) => {
      client.onConnect = resolve;
      client.activate();
    });
    const heard = new Promise((resolve) => client.subscribe("/topic/a", resolve));
    await later(100);
    client.publish({ destination: "/app/hello", body: JSON.stringify({ text: options.split ? "x".repeat(3000) : "hi" }) });
    await heard;
    await later(500);
    await client.deactivate();
  },
);
