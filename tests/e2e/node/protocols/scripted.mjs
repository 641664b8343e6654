// Clients of protocols for whose servers there is nothing on Node: the server says what the documentation says.
//
// Options: protocol (phoenix, actioncable, pusher, xmpp).

import ws, { WebSocketServer } from "ws";
import { later, options, peers } from "./peers.mjs";

globalThis.WebSocket = ws;
globalThis.self = globalThis;

const protocols = {
  phoenix: {
    path: "/socket/websocket",
    heard(say, data, isBinary) {
      if (isBinary) {
        const [, join, ref, topic, event] = data;
        const strings = data.subarray(5, 5 + join + ref + topic + event);
        const ids = strings.subarray(0, join + ref + topic);
        say(Buffer.concat([Buffer.from([1, join, ref, topic, 2]), ids, Buffer.from("ok"), Buffer.from([9, 8])]));
        return;
      }
      const [join, ref, topic, event, payload] = JSON.parse(data);
      const status = event === "fail" ? "error" : "ok";
      say(JSON.stringify([join, ref, topic, "phx_reply", { status, response: {} }]));
      if (event === "say") say(JSON.stringify([join, null, topic, "said", payload]));
      if (event === "phx_leave") say(JSON.stringify([join, ref, topic, "phx_close", {}]));
    },
    async talk(url) {
      const { Socket } = await import("phoenix");
      const socket = new Socket(`${url}/socket`, { transport: ws, heartbeatIntervalMs: 200, params: { token: "x" } });
      socket.connect();
      const channel = socket.channel("room:lobby", { name: "ada" });
      const done = (push) =>
        new Promise((resolve) => push.receive("ok", resolve).receive("error", resolve).receive("timeout", resolve));
      await done(channel.join());
      await done(channel.push("say", { text: "hi" }));
      await done(channel.push("fail", {}));
      await done(channel.push("file", new Uint8Array([1, 2, 3]).buffer));
      await later(500);
      await done(channel.leave());
      await new Promise((resolve) => socket.disconnect(resolve));
    },
  },
  actioncable: {
    path: "/cable",
    subprotocol: "actioncable-v1-json",
    met(say) {
      say('{"type":"welcome"}');
      say(`{"type":"ping","message":${Math.floor(Date.now() / 1000)}}`);
    },
    heard(say, data) {
      const { command, identifier, data: inside } = JSON.parse(data);
      const { channel } = JSON.parse(identifier);
      const type = channel === "SecretChannel" ? "reject_subscription" : "confirm_subscription";
      if (command === "subscribe") say(JSON.stringify({ identifier, type }));
      if (command === "message") say(JSON.stringify({ identifier, message: JSON.parse(inside) }));
    },
    async talk(url) {
      const { adapters, createConsumer } = await import("@rails/actioncable");
      adapters.WebSocket = ws;
      globalThis.addEventListener = globalThis.removeEventListener = () => {};
      globalThis.document = { visibilityState: "visible" };
      const consumer = createConsumer(`${url}/cable`);
      await new Promise((resolve) => {
        const chat = consumer.subscriptions.create({ channel: "ChatChannel", room: "1" }, {
          connected: () => chat.perform("speak", { text: "hi" }),
          received: resolve,
        });
      });
      await new Promise((rejected) => consumer.subscriptions.create("SecretChannel", { rejected }));
      for (const subscription of consumer.subscriptions.subscriptions) subscription.unsubscribe();
      await later(100);
      consumer.disconnect();
    },
  },
  pusher: {
    path: "/app/key",
    met(say) {
      const data = JSON.stringify({ socket_id: "1.2", activity_timeout: 1 });
      say(JSON.stringify({ event: "pusher:connection_established", data }));
    },
    heard(say, data) {
      const { event, data: { channel } = {} } = JSON.parse(data);
      if (event === "pusher:ping") say('{"event":"pusher:pong","data":{}}');
      if (event === "pusher:subscribe") {
        say(JSON.stringify({ event: "pusher_internal:subscription_succeeded", data: "{}", channel }));
        say(JSON.stringify({ event: "news", data: '{"price":1.10}', channel }));
      }
    },
    async talk(url) {
      const { default: Pusher } = await import("pusher-js");
      const { hostname: wsHost, port: wsPort } = new URL(url);
      const pusher = new Pusher("key", {
        wsHost, wsPort, cluster: "x", forceTLS: false, enabledTransports: ["ws"], disableStats: true, activityTimeout: 300,
      });
      await new Promise((resolve) => pusher.subscribe("my-channel").bind("news", resolve));
      await later(700);
      pusher.unsubscribe("my-channel");
      await later(100);
      pusher.disconnect();
    },
  },
  xmpp: {
    path: "/xmpp",
    subprotocol: "xmpp",
    heard(say, data, _, state) {
      const id = /id="([^"]*)"/.exec(data)?.[1];
      const stream = 'xmlns:stream="http://etherx.jabber.org/streams"';
      if (data.startsWith("<open")) {
        say('<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" from="example.test" id="s1" version="1.0"/>');
        const sasl = '<mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>PLAIN</mechanism></mechanisms>';
        const bind = '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>';
        say(`<stream:features ${stream}>${state.known ? bind : sasl}</stream:features>`);
      } else if (data.startsWith("<auth")) {
        state.known = true;
        say('<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>');
      } else if (data.includes("xmpp-bind")) {
        say(`<iq xmlns="jabber:client" type="result" id="${id}"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind">` +
          "<jid>ada@example.test/x</jid></bind></iq>");
      } else if (data.startsWith("<iq")) {
        say(`<iq xmlns="jabber:client" type="error" id="${id}"><error type="cancel">` +
          '<item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>');
      } else if (data.startsWith("<close")) {
        say('<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>');
      }
    },
    async talk(url) {
      const { client, xml } = await import("@xmpp/client");
      const xmpp = client({
        service: `${url}/xmpp`, domain: "example.test", username: "ada", password: "secret", resource: "x",
      });
      xmpp.on("error", () => {});
      await xmpp.start();
      await xmpp.send(xml("presence"));
      await xmpp.send(xml("message", { to: "bo@example.test", type: "chat" }, xml("body", {}, "hi & ho")));
      await xmpp.iqCaller.request(xml("iq", { type: "get" }, xml("query", "jabber:iq:roster"))).catch(() => {});
      await xmpp.stop();
    },
  },
};

const { path, subprotocol, met, heard, talk } = protocols[options.protocol];

await peers((http) => {
  new WebSocketServer({ server: http, path, handleProtocols: () => subprotocol }).on("connection", (socket) => {
    const say = (data) => socket.send(data);
    const state = {};
    met?.(say);
    socket.on("message", (data, isBinary) => heard(say, isBinary ? data : data.toString(), isBinary, state));
  });
}, talk);
