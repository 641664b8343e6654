// Engine.IO 4 without Socket.IO, which brings it along.

import { createRequire } from "node:module";
import { peers } from "./peers.mjs";

const require = createRequire(import.meta.url);
const { Server } = createRequire(require.resolve("socket.io"))("engine.io");
const { Socket } = createRequire(require.resolve("socket.io-client"))("engine.io-client");

await peers(
  (http) => {
    const server = new Server({ pingInterval: 200 });
    server.attach(http);
    server.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
    return () => server.close();
  },
  (url) =>
    new Promise((resolve, reject) => {
      const socket = new Socket(url, { transports: ["websocket"] });
      socket.binaryType = "arraybuffer";
      const heard = [];
      socket.on("open", () => {
        socket.send('{"say":"hello"}');
        socket.send(new Uint8Array([1, 2, 3]));
      });
      socket.on("message", (data) => {
        if (heard.push(data) === 2) setTimeout(() => socket.close(), 500);
      });
      socket.on("close", resolve);
      socket.on("error", reject);
    }),
);
