// Lines of JSON: options as the first argument, commands on stdin, events on stdout.

import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createInterface } from "node:readline";

export const options = JSON.parse(process.argv[2]);

export function say(event) {
  process.stdout.write(JSON.stringify(event) + "\n");
}

export function listen(handle, atEnd) {
  createInterface({ input: process.stdin })
    .on("line", (line) => handle(JSON.parse(line)))
    .on("close", atEnd);
}

// As the test says it: text as it is, bytes in base64.
export function said(data, isBinary) {
  return isBinary ? { base64: data.toString("base64") } : { text: data.toString() };
}

export function reversed(data, isBinary) {
  return isBinary ? Buffer.from(data).reverse() : [...data.toString()].reverse().join("");
}

export function httpServer() {
  return options.tls
    ? createHttpsServer({ cert: readFileSync(options.tls.cert), key: readFileSync(options.tls.key) })
    : createHttpServer();
}
