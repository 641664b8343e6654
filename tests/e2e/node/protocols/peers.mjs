// A server, and a client that is told where to find it: perhaps with a proxy in between.
//
// Hears: url (`ws://host:port`, without a path). Says: port of the server; done when the client has left.

import { createServer } from "node:http";
import { listen, options, say } from "../lines.mjs";

export { options };

// stdout is for lines of JSON alone, and some libraries talk.
console.log = console.error;

export function later(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// Calls `serve(http)`, then `talk(url)` for each url, then the `leave()` that `serve` returned.
export async function peers(serve, talk) {
  const http = createServer();
  const leave = (await serve(http)) ?? (() => {});
  http.listen(0, "127.0.0.1", () => say({ port: http.address().port }));
  listen(
    async ({ url }) => {
      const said = await talk(url);
      say({ done: said ?? null });
    },
    async () => {
      await leave();
      http.close();
      http.closeAllConnections();
      setTimeout(() => process.exit(0), 200).unref();
    },
  );
}
