// One exchange with each URL by a client that is told nothing of a proxy, as people write it.
//
// Options: client, urls. Says for each: answer.

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
  ws: async (url) => opened(new (await import("ws")).WebSocket(url)),
  global: async (url) => opened(new WebSocket(url)),
  "global with a subprotocol": async (url) => opened(new WebSocket(url, ["chat"])),
  undici: async (url) => opened(new (await import("undici")).WebSocket(url)),
  "socket.io-client": async (url) => {
    const socket = (await import("socket.io-client")).io(url, { transports: [options.transport] });
    const answer = await socket.timeout(15000).emitWithAck("say", "hello from here");
    socket.disconnect();
    return answer;
  },
  "https.get": (url) => new Promise((resolve, reject) => https.get(url, (r) => resolve(read(r))).on("error", reject)),
  "get of https": (url) => new Promise((resolve, reject) => get(url, (r) => resolve(read(r))).on("error", reject)),
  fetch: async (url) => (await fetch(url)).text(),
  "undici.request": async (url) => (await (await import("undici")).request(url)).body.text(),
};

for (const url of options.urls) say({ answer: await clients[options.client](url) });
// Long-polling that was given up would keep it alive.
process.exit();
