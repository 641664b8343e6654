// SockJS with itself: an echo.

import { createRequire } from "node:module";
import { peers } from "./peers.mjs";

const require = createRequire(import.meta.url);
const sockjs = require("sockjs");
const SockJS = require("sockjs-client");

await peers(
  (http) => {
    const echo = sockjs.createServer({ log() {}, heartbeat_delay: 200 });
    echo.on("connection", (connection) =>
      connection.on("data", (message) => (message.includes("bye") ? connection.close(3000, "bye") : connection.write(message))),
    );
    echo.installHandlers(http, { prefix: "/echo" });
  },
  (url) =>
    new Promise((resolve) => {
      const socket = new SockJS(`${url.replace("ws", "http")}/echo`, null, { transports: ["websocket"] });
      let heard = 0;
      socket.onopen = () => {
        socket.send('{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}');
        socket.send('{"jsonrpc":"2.0","id":1,"result":3}');
        socket.send('{"jsonrpc":"2.0","method":"smile","params":["😀 \u200d \u0301"]}');
      };
      socket.onmessage = () => {
        if (++heard === 3) setTimeout(() => socket.send('{"jsonrpc":"2.0","method":"bye"}'), 500);
      };
      socket.onclose = () => resolve();
    }),
);
