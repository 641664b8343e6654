// The client of SignalR, and a hub that is written with the same library's protocols.
//
// Options: msgpack.

import { WebSocketServer } from "ws";
import * as signalr from "@microsoft/signalr";
import { decodeMulti } from "@msgpack/msgpack";
import { MessagePackHubProtocol } from "@microsoft/signalr-protocol-msgpack";
import { options, peers } from "./peers.mjs";

const protocol = options.msgpack ? new MessagePackHubProtocol() : new signalr.JsonHubProtocol();
const { Invocation, StreamItem, Completion, StreamInvocation, Ping } = signalr.MessageType;

// The library itself reads only what servers say. One message, behind its length.
function unpacked(data) {
  const start = data.findIndex((byte) => byte < 0x80) + 1;
  const [[type, , invocationId, target, given]] = decodeMulti(data.subarray(start));
  return { type, invocationId, target, arguments: given };
}

function serve(http) {
  http.on("request", (request, response) => {
    response.setHeader("Content-Type", "application/json");
    response.end(
      JSON.stringify({
        negotiateVersion: 1,
        connectionId: "c",
        connectionToken: "t",
        availableTransports: [{ transport: "WebSockets", transferFormats: ["Text", "Binary"] }],
      }),
    );
  });
  new WebSocketServer({ server: http, path: "/hub" }).on("connection", (socket) => {
    const send = (message) => socket.send(protocol.writeMessage(message));
    let greeted = false;
    socket.on("message", (data, isBinary) => {
      if (!greeted) {
        greeted = true;
        socket.send(options.msgpack ? Buffer.from("{}\x1e") : "{}\x1e");
        send({ type: Ping });
        return;
      }
      for (const message of isBinary ? [unpacked(data)] : data.toString().split("\x1e").slice(0, -1).map(JSON.parse)) {
        const { type, invocationId, target } = message;
        if (type === StreamInvocation) {
          for (let item = 0; item < message.arguments[0]; item++) send({ type: StreamItem, invocationId, item });
          send({ type: Completion, invocationId, headers: {} });
        } else if (type === Invocation && target === "Fail") {
          send({ type: Completion, invocationId, headers: {}, error: "it failed" });
        } else if (type === Invocation && invocationId) {
          send({ type: Invocation, headers: {}, target: "Receive", arguments: message.arguments, streamIds: [] });
          send({ type: Completion, invocationId, headers: {}, result: message.arguments.length });
        }
      }
    });
  });
}

await peers(serve, async (url) => {
  const connection = new signalr.HubConnectionBuilder()
    .withUrl(`${url.replace("ws", "http")}/hub`)
    .withHubProtocol(protocol)
    .configureLogging(signalr.LogLevel.None)
    .build();
  const heard = new Promise((resolve) => connection.on("Receive", resolve));
  await connection.start();
  await connection.invoke("Send", "hello", 1);
  await heard;
  await connection.invoke("Fail").catch(() => {});
  await new Promise((resolve) => connection.stream("Counter", 2).subscribe({ next() {}, complete: resolve, error: resolve }));
  await connection.send("Forget", "me");
  await connection.stop();
});
