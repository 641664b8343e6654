// JSON-RPC: rpc-websockets with itself.

import { createRequire } from "node:module";
import { peers } from "./peers.mjs";

const require = createRequire(import.meta.url);
const { Client, Server } = require("rpc-websockets");

await peers(
  (http) => {
    const server = new Server({ server: http });
    server.register("add", ([a, b]) => {
      server.emit("tick", 1);
      return a + b;
    });
    server.register("fail", () => {
      throw new Error("it failed");
    });
    server.event("tick");
    return () => server.close().catch(() => {});
  },
  (url) =>
    new Promise((resolve) => {
      const client = new Client(url, { reconnect: false });
      client.on("open", async () => {
        await client.subscribe("tick");
        const ticked = new Promise((resolve) => client.on("tick", resolve));
        await client.call("add", [1, 2]);
        await client.call("fail").catch(() => {});
        await ticked;
        client.notify("log", { text: "hi" });
        setTimeout(() => client.close(), 300);
      });
      client.on("close", () => resolve());
    }),
);
