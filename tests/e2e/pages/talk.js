// Sockets that note every event, as the page sees it. A message is {text} or {base64}.

"use strict";

const toBytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

function toBase64(buffer) {
  let binary = "";
  const bytes = new Uint8Array(buffer);
  for (let n = 0; n < bytes.length; n += 32768) {
    binary += String.fromCharCode(...bytes.subarray(n, n + 32768));
  }
  return btoa(binary);
}

class Talk {
  constructor(url, protocols = []) {
    this.log = [];
    this.waiting = [];
    this.socket = new WebSocket(url, protocols);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () =>
      this.note({ open: true, protocol: this.socket.protocol, extensions: this.socket.extensions });
    this.socket.onerror = () => this.note({ error: true });
    this.socket.onclose = (event) =>
      this.note({ code: event.code, reason: event.reason, wasClean: event.wasClean });
    this.socket.onmessage = ({ data }) =>
      this.note(typeof data === "string" ? { text: data } : { base64: toBase64(data) });
  }

  note(event) {
    this.log.push(event);
    this.waiting.splice(0).forEach((wake) => wake());
  }

  // Resolves once `count` events were noted.
  async until(count) {
    while (this.log.length < count) await new Promise((wake) => this.waiting.push(wake));
    return this.log;
  }

  // Resolves with all events once the socket is closed.
  async end() {
    while (!this.log.length || !("code" in this.log.at(-1))) {
      await new Promise((wake) => this.waiting.push(wake));
    }
    return this.log;
  }

  send(message) {
    if ("text" in message) this.socket.send(message.text);
    else if (message.asBlob) this.socket.send(new Blob([toBytes(message.base64)]));
    else this.socket.send(toBytes(message.base64));
  }

  // Send one message after the other, each when the one before was answered.
  async converse(messages) {
    await this.until(1);
    for (const message of messages) {
      const before = this.log.length;
      this.send(message);
      await this.until(before + 1);
    }
  }
}

const here = (path) => location.origin.replace(/^http/, "ws") + path;
