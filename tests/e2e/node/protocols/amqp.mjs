// AMQP 1.0: rhea with itself.

import rhea from "rhea";
import ws, { WebSocketServer } from "ws";
import { peers } from "./peers.mjs";

await peers(
  (http) => {
    const container = rhea.create_container({ id: "broker", receiver_options: { autoaccept: false } });
    container.on("disconnected", () => {});
    container.sasl_server_mechanisms.enable_plain((user, password) => user === "ada" && password === "secret");
    container.on("message", ({ message, delivery }) => (message.body === "bad" ? delivery.reject() : delivery.accept()));
    new WebSocketServer({ server: http, handleProtocols: () => "amqp" }).on("connection", (socket) =>
      container.websocket_accept(socket),
    );
  },
  (url) =>
    new Promise((resolve) => {
      const container = rhea.create_container({ id: "client" });
      const connect = container.websocket_connect(ws);
      const connection = container.connect({
        connection_details: connect(url, ["amqp"]),
        username: "ada",
        password: "secret",
        idle_time_out: 600,
        reconnect: false,
      });
      const sender = connection.open_sender("queue");
      sender.once("sendable", () => {
        sender.send({ subject: "greeting", body: "hello", application_properties: { colour: "red" } });
        sender.send({ body: rhea.message.data_section(Buffer.from([1, 2, 3])) });
      });
      let settled = 0;
      sender.on("settled", () => {
        settled += 1;
        // Alone: where two arrive together that are answered otherwise, rhea answers both as it does the first.
        if (settled === 2) sender.send({ body: "bad" });
        if (settled === 3) setTimeout(() => connection.close(), 800);
      });
      container.on("connection_close", () => resolve());
      container.on("disconnected", () => {});
    }),
);
