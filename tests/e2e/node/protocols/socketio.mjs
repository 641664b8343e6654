// Socket.IO with itself: versions 2 and 4, the parser for MessagePack, any transports.
//
// Options: version (2 or 4), msgpack, transports.

import { options, peers } from "./peers.mjs";

const old = options.version === 2;
const { Server } = old ? { Server: (await import("socket.io-2")).default } : await import("socket.io");
const { io } = old ? { io: (await import("socket.io-client-2")).default } : await import("socket.io-client");
const parser = options.msgpack ? { parser: (await import("socket.io-msgpack-parser")).default } : {};

let server;
await peers(
  (http) => {
    server = new Server(http, { ...parser, serveClient: false, pingInterval: 300, pingTimeout: 2000 });
    server.on("connection", (socket) => {
      socket.emit("welcome", { to: "you" });
      socket.on("say", (words, answer) => answer(words.toUpperCase()));
      socket.on("picture", (picture, answer) => answer(Buffer.from(picture).reverse(), { turned: true }));
    });
    server.of("/admin").on("connection", (socket) => socket.on("whoami", (answer) => answer("an admin")));
    return () => server.close();
  },
  async (url) => {
    const http = url.replace("ws", "http");
    const socket = io(http, { ...parser, transports: options.transports, reconnection: false });
    const ask = (on, ...what) => new Promise((resolve) => on.emit(...what, resolve));
    await new Promise((resolve, reject) => {
      socket.on("welcome", resolve);
      socket.on("connect_error", reject);
    });
    if (options.transports.includes("websocket") && socket.io.engine.transport.name !== "websocket") {
      await new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
    }
    await ask(socket, "say", "hello");
    await ask(socket, "picture", Buffer.from([1, 2, 3]));
    const admin = socket.io.socket("/admin");
    await new Promise((resolve) => admin.on("connect", resolve));
    await ask(admin, "whoami");
    await new Promise((resolve) => setTimeout(resolve, 700));
    admin.disconnect();
    socket.disconnect();
  },
);
