// Servers that end a connection which keeps silent, or does not answer their heartbeats.
//
// The real ones of the libraries where there are any on Node: graphql-ws, socket.io, Aedes (MQTT), stomp-broker-js.
// For SignalR and Phoenix, whose servers are written in C# and Elixir, one that does what their documentation says
// of time-outs and connection tokens.
//
// Options: protocol; patience, milliseconds of silence that are put up with.

import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";
import { WebSocketServer, createWebSocketStream } from "ws";
import { options, peers } from "./peers.mjs";
import { say } from "../lines.mjs";

const { patience } = options;

// Ends the connection if nothing comes for too long.
function insist(socket) {
  let timer;
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => socket.terminate(), patience);
  };
  socket.on("message", again);
  socket.on("close", () => clearTimeout(timer));
  again();
}

const servers = {
  async graphql(http) {
    const { buildSchema } = await import("graphql");
    const { useServer } = await import("graphql-ws/use/ws");
    const schema = buildSchema("type Query { add(a: Int!, b: Int!): Int }");
    const server = new WebSocketServer({ server: http, path: "/graphql" });
    useServer(
      {
        schema,
        roots: { query: { add: ({ a, b }) => a + b } },
        // Pings of the protocol are up to its user.
        onConnect: ({ extra: { socket } }) => {
          const timer = setInterval(() => {
            if (!socket.alive) socket.terminate();
            socket.alive = false;
            socket.send('{"type":"ping","payload":{"are":"you there"}}');
          }, patience);
          socket.on("close", () => clearInterval(timer));
          socket.alive = true;
        },
        onPong: ({ extra: { socket } }, payload) => {
          socket.alive = payload?.are === "you there";
        },
      },
      server,
    );
  },

  async socketio(http) {
    const { Server } = await import("socket.io");
    const server = new Server(http, { serveClient: false, pingInterval: patience, pingTimeout: patience });
    server.on("connection", (socket) => socket.on("say", (words, answer) => answer(words.toUpperCase())));
  },

  async mqtt(http) {
    const { Aedes } = await import("aedes");
    const broker = await Aedes.createBroker();
    new WebSocketServer({ server: http, handleProtocols: () => "mqtt" }).on("connection", (socket, request) =>
      broker.handle(createWebSocketStream(socket), request),
    );
  },

  stomp(http) {
    const Broker = createRequire(import.meta.url)("stomp-broker-js");
    const broker = new Broker({ server: http, path: "/stomp", heartbeat: [0, patience], heartbeatErrorMargin: patience });
    broker.subscribe("/app/hello", (message) => broker.send("/topic/a", {}, message));
  },

  // https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/TransportProtocols.md
  signalr(http) {
    const tokens = new Set();
    http.on("request", (request, response) => {
      const url = new URL(request.url, "http://server");
      if (request.method !== "POST" || url.pathname !== "/hub/negotiate") {
        response.writeHead(404).end();
        return;
      }
      const connectionToken = randomBytes(16).toString("base64url");
      tokens.add(connectionToken);
      say({ negotiated: connectionToken });
      const availableTransports = [{ transport: "WebSockets", transferFormats: ["Text", "Binary"] }];
      response.setHeader("Content-Type", "application/json");
      response.end(
        JSON.stringify({ negotiateVersion: 1, connectionId: "c", connectionToken, availableTransports }),
      );
    });
    const server = new WebSocketServer({ noServer: true });
    http.on("upgrade", (request, socket, head) => {
      // A token opens one connection.
      if (!tokens.delete(new URL(request.url, "http://server").searchParams.get("id"))) {
        socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 31\r\n\r\nNo Connection with that ID: gone");
        return;
      }
      server.handleUpgrade(request, socket, head, (connection) => {
        insist(connection);
        let inBinary = null;
        connection.on("message", (data) => {
          if (inBinary === null) {
            inBinary = data.includes("messagepack");
            connection.send("{}\x1e");
            return;
          }
          const said = data.toString("hex");
          if (inBinary) {
            // [1, {}, "7", "Send", ["hi"], []] is answered by [3, {}, "7", 3, 1]; else only [6] may come.
            if (said === "0f960180a137a453656e6491a2686990") connection.send(Buffer.from("07950380a1370301", "hex"));
            else if (said !== "029106") connection.close(4002, said.slice(0, 100));
            return;
          }
          for (const { type, invocationId } of data.toString().split("\x1e").slice(0, -1).map(JSON.parse)) {
            if (type === 1) connection.send(`${JSON.stringify({ type: 3, invocationId, result: 1 })}\x1e`);
          }
        });
      });
    });
  },

  // https://hexdocs.pm/phoenix/writing_a_channels_client.html
  phoenix(http) {
    new WebSocketServer({ server: http, path: "/socket/websocket" }).on("connection", (socket) => {
      insist(socket);
      socket.on("message", (data) => {
        const [join, ref, topic] = JSON.parse(data);
        socket.send(JSON.stringify([join, ref, topic, "phx_reply", { status: "ok", response: {} }]));
      });
    });
  },
};

await peers(servers[options.protocol], () => {});
