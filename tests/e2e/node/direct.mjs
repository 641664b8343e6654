// One exchange by a client that is told nothing of a proxy, as people write it.
//
// Options: client, url. Says: answer.

import https from "node:https";
import { get } from "node:https";
import { options, say } from "./lines.mjs";

function opened(socket) {
  return new Promise((resolve, reject) => {
    socket.onopen = () => socket.send("hello from here");
    socket.onerror = (event) => reject(event.error ?? new Error(event.message ?? "failed"));
    socket.onmessage = (event) => {
      resolve(event.data);
      socket.close();
    };
  });
}

function read(response) {
  return new Promise((resolve) => {
    let text = "";
    response.on("data", (chunk) => (text += chunk));
    response.on("end", () => resolve(text));
  });
}

const clients = {
  ws: async () => opened(new (await import("ws")).WebSocket(options.url)),
  global: async () => opened(new WebSocket(options.url)),
  "global with a subprotocol": async () => opened(new WebSocket(options.url, ["chat"])),
  undici: async () => opened(new (await import("undici")).WebSocket(options.url)),
  "socket.io-client": async () => {
    const socket = (await import("socket.io-client")).io(options.url, { transports: [options.transport] });
    const answer = await socket.timeout(15000).emitWithAck("say", "hello from here");
    socket.disconnect();
    return answer;
  },
  "https.get": () => new Promise((resolve, reject) => https.get(options.url, (r) => resolve(read(r))).on("error", reject)),
  "get of https": () => new Promise((resolve, reject) => get(options.url, (r) => resolve(read(r))).on("error", reject)),
  fetch: async () => (await fetch(options.url)).text(),
  "undici.request": async () => (await (await import("undici")).request(options.url)).body.text(),
};

say({ answer: await clients[options.client]() });
// Long-polling that was given up would keep it alive.
process.exit();
