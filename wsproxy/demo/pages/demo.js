"use strict";

// What the pages of the demo share: a log, a WebSocket that can be awaited, and the check that
// `?auto` in the URL starts. When a check is over, the title of the page is "done" or "failed: why".

const auto = new URLSearchParams(location.search).has("auto");
const $ = (selector) => document.querySelector(selector);

function log(kind, text) {
  const signs = { sent: "↑", received: "↓", note: "·", good: "✓", bad: "✗" };
  const row = document.createElement("div");
  const time = document.createElement("time");
  const now = new Date();
  time.textContent = new Date(now - now.getTimezoneOffset() * 60000).toISOString().slice(11, 23);
  const sign = document.createElement("span");
  const words = document.createElement("span");
  sign.textContent = signs[kind];
  words.textContent = text;
  sign.className = words.className = kind;
  row.append(time, sign, words);
  const list = $("#log");
  list.append(row);
  while (list.children.length > 500) list.firstChild.remove();
  list.scrollTop = list.scrollHeight;
}

function shown(data) {
  if (typeof data === "string") {
    if (data === "") return "(empty text)";
    return data.length > 300 ? `${data.slice(0, 300)}… (${data.length} characters)` : data;
  }
  const bytes = new Uint8Array(data);
  const hex = [...bytes.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `(binary, ${bytes.length} bytes) ${hex}${bytes.length > 16 ? " …" : ""}`;
}

function same(a, b) {
  if (typeof a === "string" || typeof b === "string") return a === b;
  const left = new Uint8Array(a);
  const right = new Uint8Array(b);
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

function must(holds, why) {
  if (!holds) throw new Error(why);
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function within(milliseconds, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// A WebSocket to one of this server's endpoints, over ws or wss as the page itself came.
class Link {
  constructor(path, protocols) {
    this.path = path;
    this.waiting = [];
    this.received = [];
    const url = location.origin.replace(/^http/, "ws") + path;
    this.socket = protocols ? new WebSocket(url, protocols) : new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    log("note", `connecting to ${url}${protocols ? ` offering ${[].concat(protocols).join(", ")}` : ""}`);

    this.opened = new Promise((resolve, reject) => {
      this.socket.addEventListener("open", () => {
        log("note", `open${this.socket.protocol ? `, subprotocol ${this.socket.protocol}` : ""}` +
          `${this.socket.extensions ? `, extensions ${this.socket.extensions}` : ""}`);
        resolve();
      });
      this.socket.addEventListener("error", () => reject(new Error(`${path} did not open`)));
    });
    this.opened.catch(() => {});

    this.closed = new Promise((resolve) => {
      this.socket.addEventListener("close", (event) => {
        log("note", `closed: code ${event.code}${event.reason ? `, reason “${event.reason}”` : ""}` +
          `, ${event.wasClean ? "clean" : "not clean"}`);
        for (const { reject } of this.waiting.splice(0)) reject(new Error(`${path} closed with ${event.code}`));
        resolve(event);
      });
    });

    this.socket.addEventListener("message", (event) => {
      log("received", shown(event.data));
      const next = this.waiting.shift();
      if (next) next.resolve(event.data);
      else {
        this.received.push(event.data);
        if (this.received.length > 1000) this.received.shift();
      }
    });
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(data) {
    log("sent", shown(data));
    this.socket.send(data);
  }

  // The next message, in the order of arrival.
  next() {
    if (this.received.length) return Promise.resolve(this.received.shift());
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  // Reads on until a message is the one wanted.
  async until(wanted) {
    for (;;) {
      const message = await this.next();
      if (message === wanted) return message;
    }
  }

  async close(code = 1000, reason = "") {
    this.socket.close(code, reason);
    return this.closed;
  }
}

// Runs a page's check; the button and `?auto` both come here.
let running = false;
async function run(check) {
  if (running) return;
  running = true;
  document.title = "running";
  try {
    await within(20000, check(), "the check");
    log("good", "everything came as it should");
    document.title = "done";
  } catch (error) {
    log("bad", error.message);
    document.title = `failed: ${error.message}`;
  } finally {
    running = false;
  }
}

// Called once by each page, with its check.
function page(check) {
  $("#run").addEventListener("click", () => run(check));
  if (auto) run(check);
}
