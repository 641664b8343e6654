// A Socket.IO client that says what it has to say once it is on a WebSocket, and leaves.
//
// Options: url, proxy, transports, texts (to be said), picture (base64).
// Says: welcome; answers (of the texts); picture; admin; left.

import { HttpsProxyAgent } from "https-proxy-agent";
import { io } from "socket.io-client";
import { options, say } from "./lines.mjs";

const common = {
  agent: new HttpsProxyAgent(options.proxy),
  transports: options.transports,
  reconnection: false,
};

function happened(emitter, event) {
  return new Promise((resolve, reject) => {
    emitter.once(event, resolve);
    emitter.once("connect_error", reject);
  });
}

const socket = io(options.url, common);
const welcome = happened(socket, "welcome");
await happened(socket, "connect");
if (socket.io.engine.transport.name !== "websocket") await happened(socket.io.engine, "upgrade");
say({ welcome: await welcome });

const answers = [];
for (const text of options.texts) answers.push(await socket.timeout(10000).emitWithAck("say", text));
say({ answers });

const picture = await socket.timeout(10000).emitWithAck("picture", Buffer.from(options.picture, "base64"));
say({ picture: Buffer.from(picture).toString("base64") });

// On the same WebSocket.
const admin = socket.io.socket("/admin", { auth: { name: "node" } });
say({ admin: await admin.timeout(10000).emitWithAck("whoami") });

admin.disconnect();
socket.disconnect();
say({ left: true });
