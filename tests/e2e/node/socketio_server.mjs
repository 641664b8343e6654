// A Socket.IO server with acknowledgements, a binary event and the namespace /admin.
//
// Options: deflate (perMessageDeflate), tls {cert, key}.
// Says: port; transport and then upgraded of each client; heard; gone (reason) with the namespace.

import { Server } from "socket.io";
import { httpServer, listen, options, say } from "./lines.mjs";

const http = httpServer();
const io = new Server(http, { perMessageDeflate: options.deflate ?? false, serveClient: false });

io.on("connection", (socket) => {
  say({ transport: socket.conn.transport.name });
  socket.conn.once("upgrade", (transport) => say({ upgraded: transport.name }));
  socket.emit("welcome", { to: "you" });
  socket.on("say", (words, answer) => {
    say({ heard: words });
    answer(words.toUpperCase());
  });
  socket.on("picture", (picture, answer) => {
    say({ heard: picture.toString("base64") });
    answer(Buffer.from(picture).reverse());
  });
  socket.on("disconnect", (reason) => say({ gone: reason, namespace: "/" }));
});

io.of("/admin").on("connection", (socket) => {
  socket.on("whoami", (answer) => answer(`admin by ${socket.handshake.auth.name}`));
  socket.on("disconnect", (reason) => say({ gone: reason, namespace: "/admin" }));
});

http.listen(0, "127.0.0.1", () => say({ port: http.address().port }));
listen(
  () => {},
  () => io.close(),
);
