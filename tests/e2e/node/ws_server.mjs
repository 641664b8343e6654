// A server on `ws`: it answers each message with the same in reverse, and some words in their own way.
//
// Options: deflate (perMessageDeflate of ws), tls {cert, key}.
// Says: port; text or base64 of each message; pong; closed [code, reason] of each client.

import { WebSocketServer } from "ws";
import { httpServer, listen, options, reversed, said, say } from "./lines.mjs";

const http = httpServer();
const server = new WebSocketServer({ server: http, perMessageDeflate: options.deflate ?? false });

const words = {
  "go away": (socket) => socket.close(3000, "server ends"),
  "drop dead": (socket) => socket.terminate(),
  "ping me": (socket) => socket.ping("node asks"),
  "in pieces": (socket) => {
    socket.send("first ", { fin: false });
    socket.send("second ".repeat(3000), { fin: false });
    socket.ping("between");
    socket.send("last", { fin: true });
  },
};

server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => {
    say(said(data, isBinary));
    const word = isBinary ? undefined : words[data.toString()];
    if (word) word(socket);
    else socket.send(reversed(data, isBinary));
  });
  socket.on("pong", (data) => say({ pong: data.toString() }));
  socket.on("error", () => {}); // "close" follows
  socket.on("close", (code, reason) => say({ closed: [code, reason.toString()] }));
});

http.listen(0, "127.0.0.1", () => say({ port: http.address().port }));
listen(
  () => {},
  () => {
    server.clients.forEach((socket) => socket.terminate());
    http.close();
  },
);
