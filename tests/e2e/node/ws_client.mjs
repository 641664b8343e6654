// A client on `ws`, through an HTTP proxy by CONNECT (https-proxy-agent).
//
// Options: url, proxy, deflate (perMessageDeflate of ws), protocols.
// Hears: text, base64, pieces [texts], ping, close [code, reason], terminate.
// Says: open (extensions) and protocol; text or base64; ping; pong; closed; refused (status) and body.

import { HttpsProxyAgent } from "https-proxy-agent";
import { WebSocket } from "ws";
import { listen, options, said, say } from "./lines.mjs";

const socket = new WebSocket(options.url, options.protocols ?? [], {
  agent: new HttpsProxyAgent(options.proxy),
  perMessageDeflate: options.deflate ?? false,
});

socket.on("open", () => say({ open: socket.extensions, protocol: socket.protocol }));
socket.on("message", (data, isBinary) => say(said(data, isBinary)));
socket.on("ping", (data) => say({ ping: data.toString() }));
socket.on("pong", (data) => say({ pong: data.toString() }));
socket.on("close", (code, reason) => say({ closed: [code, reason.toString()] }));
socket.on("error", () => {}); // "close" follows
socket.on("unexpected-response", (_, response) => {
  const body = [];
  response.on("data", (part) => body.push(part));
  response.on("end", () => {
    say({ refused: response.statusCode, body: Buffer.concat(body).toString() });
    socket.terminate();
  });
});

listen(
  (command) => {
    if ("text" in command) socket.send(command.text);
    if ("base64" in command) socket.send(Buffer.from(command.base64, "base64"));
    if ("pieces" in command)
      command.pieces.forEach((piece, n) => socket.send(piece, { fin: n === command.pieces.length - 1 }));
    if ("ping" in command) socket.ping(command.ping);
    if ("close" in command) socket.close(...command.close);
    if ("terminate" in command) socket.terminate();
  },
  () => socket.terminate(),
);
