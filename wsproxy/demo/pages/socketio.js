"use strict";

// A small client for Socket.IO 5 on Engine.IO 4: what the library does, without its conveniences.
// It begins with long-polling and, unless told to stay there, moves to a WebSocket.

// Engine.IO: packets of one digit and a payload, over either transport.
class Engine {
  constructor(upgrade) {
    this.upgrade = upgrade;
    this.base = `${location.origin}/socket.io/?EIO=4`;
    this.sid = "";
    this.transport = "polling";
    this.queue = [];
    this.posting = null;
    this.closing = false;
    this.over = false;
    this.onpacket = () => {};
    this.onclose = () => {};
  }

  async open() {
    const [first, ...rest] = await this.get();
    must(typeof first === "string" && first[0] === "0", `not an Engine.IO handshake: ${shown(first)}`);
    const details = JSON.parse(first.slice(1));
    this.sid = details.sid;
    rest.forEach((packet) => this.take(packet));
    this.polls = this.poll();
    if (this.upgrade && details.upgrades.includes("websocket")) await this.probe();
  }

  async get() {
    const answer = await fetch(`${this.base}&transport=polling${this.sid && `&sid=${this.sid}`}`);
    const body = await answer.text();
    must(answer.ok, `polling answered ${answer.status}: ${body}`);
    return body.split("\x1e").map((packet) => {
      log("received", `polling: ${shown(packet)}`);
      return packet[0] === "b" ? Uint8Array.from(atob(packet.slice(1)), (c) => c.charCodeAt(0)).buffer : packet;
    });
  }

  async poll() {
    try {
      while (!this.closing && this.transport === "polling") (await this.get()).forEach((packet) => this.take(packet));
    } catch (error) {
      // A poll that was under way when this page said goodbye is refused.
      if (!this.closing) this.end(error.message);
    }
  }

  // The server ends the waiting poll when it has seen the probe; only then may 5 be sent.
  async probe() {
    const url = `${this.base.replace(/^http/, "ws")}&transport=websocket&sid=${this.sid}`;
    log("note", `upgrading to ${url}`);
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    try {
      await new Promise((resolve, reject) => {
        socket.onerror = socket.onclose = () => reject(new Error("the upgrade was refused"));
        socket.onopen = () => {
          log("sent", "websocket: 2probe");
          socket.send("2probe");
        };
        socket.onmessage = (event) => {
          log("received", `websocket: ${shown(event.data)}`);
          if (event.data === "3probe") resolve();
        };
      });
    } catch (error) {
      log("note", `${error.message}; staying with long-polling`);
      return;
    }
    this.transport = "upgrading";
    await Promise.all([this.polls, this.posting]);
    if (this.over) {
      socket.close();
      return;
    }
    socket.onmessage = (event) => {
      log("received", `websocket: ${shown(event.data)}`);
      this.take(event.data);
    };
    socket.onerror = null;
    socket.onclose = () => this.end("the connection ended");
    this.socket = socket;
    this.transport = "websocket";
    log("sent", "websocket: 5");
    socket.send("5");
    this.flush();
  }

  take(packet) {
    if (typeof packet !== "string" || packet[0] === "4") {
      this.onpacket(typeof packet === "string" ? packet.slice(1) : packet);
    } else if (packet[0] === "2") {
      this.send(`3${packet.slice(1)}`);
    } else if (packet[0] === "1") {
      this.end("the server said goodbye");
    }
  }

  send(...packets) {
    this.queue.push(...packets);
    this.flush();
  }

  flush() {
    if (!this.queue.length || this.over) return;
    if (this.transport === "websocket") {
      for (const packet of this.queue.splice(0)) {
        log("sent", `websocket: ${shown(packet)}`);
        this.socket.send(packet);
      }
    } else if (this.transport === "polling" && !this.posting) {
      this.posting = this.post().finally(() => {
        this.posting = null;
        this.flush();
      });
    }
  }

  async post() {
    const packets = this.queue.splice(0).map((packet) => {
      const text = typeof packet === "string" ? packet : `b${btoa(String.fromCharCode(...new Uint8Array(packet)))}`;
      log("sent", `polling: ${shown(text)}`);
      return text;
    });
    try {
      const url = `${this.base}&transport=polling&sid=${this.sid}`;
      const answer = await fetch(url, { method: "POST", body: packets.join("\x1e") });
      must(answer.ok, `polling answered ${answer.status}: ${await answer.text()}`);
    } catch (error) {
      this.end(error.message);
    }
  }

  // The server answers the waiting poll when it has read the packet.
  async close() {
    if (this.over) return;
    this.closing = true;
    this.send("1");
    await this.posting;
    if (this.transport === "polling") await this.polls;
    this.end("closed by this page");
  }

  end(why) {
    if (this.over) return;
    this.over = this.closing = true;
    this.socket?.close();
    log("note", `Socket.IO is over: ${why}`);
    this.onclose(why);
  }
}

// Socket.IO: events, acknowledgements and namespaces in the messages of Engine.IO.
class DemoIO {
  constructor({ upgrade = true } = {}) {
    this.engine = new Engine(upgrade);
    this.spaces = new Map();
    this.partial = null;
    this.engine.onpacket = (packet) => this.take(packet);
    this.engine.onclose = (why) => {
      for (const space of this.spaces.values()) space.fail(why);
    };
  }

  open() {
    return this.engine.open();
  }

  close() {
    return this.engine.close();
  }

  // Connects to a namespace and resolves to it.
  of(name = "/") {
    const space = new Namespace(this, name);
    this.spaces.set(name, space);
    this.send(0, name, null, undefined);
    return space.connected;
  }

  send(type, name, id, data) {
    const attachments = [];
    const json = JSON.stringify(data, (_, value) => {
      if (!(value instanceof ArrayBuffer)) return value;
      attachments.push(value);
      return { _placeholder: true, num: attachments.length - 1 };
    });
    const kind = attachments.length ? `${type + 3}${attachments.length}-` : `${type}`;
    this.engine.send(`4${kind}${name === "/" ? "" : `${name},`}${id ?? ""}${json ?? ""}`, ...attachments);
  }

  take(packet) {
    if (typeof packet !== "string") {
      const partial = this.partial;
      must(partial, "binary data that belongs to nothing");
      partial.attachments.push(packet);
      if (partial.attachments.length === partial.count) {
        this.partial = null;
        this.dispatch(partial.type, partial.name, partial.id, this.restore(partial.data, partial.attachments));
      }
      return;
    }
    const [, type, count, name, id, json] = /^(\d)(?:(\d+)-)?(?:(\/[^,]*),)?(\d+)?(.*)$/s.exec(packet);
    const data = json ? JSON.parse(json) : undefined;
    if (count) {
      this.partial = { type: type - 3, count: Number(count), name: name ?? "/", id, data, attachments: [] };
    } else {
      this.dispatch(Number(type), name ?? "/", id, data);
    }
  }

  restore(value, attachments) {
    if (value?._placeholder) return attachments[value.num];
    if (Array.isArray(value)) return value.map((item) => this.restore(item, attachments));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.restore(item, attachments)]));
    }
    return value;
  }

  dispatch(type, name, id, data) {
    const space = this.spaces.get(name);
    if (!space) return;
    if (type === 0) space.accept();
    else if (type === 1) space.fail("the server closed the namespace");
    else if (type === 2) space.event(data, id);
    else if (type === 3) space.acknowledged(id, data);
    else if (type === 4) space.fail(data?.message ?? "the namespace was refused");
  }
}

class Namespace {
  constructor(io, name) {
    this.io = io;
    this.name = name;
    this.handlers = new Map();
    this.heard = [];
    this.waiting = [];
    this.acks = new Map();
    this.lastId = 0;
    this.connected = new Promise((resolve, reject) => {
      this.accept = () => resolve(this);
      this.refuse = reject;
    });
    this.connected.catch(() => {});
  }

  // What `answer` returns is the acknowledgement, if the server asks for one.
  on(event, answer) {
    this.handlers.set(event, answer);
  }

  emit(event, ...args) {
    this.io.send(2, this.name, null, [event, ...args]);
  }

  // Emits, and resolves to what the server acknowledges with.
  ask(event, ...args) {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.acks.set(String(id), { resolve, reject });
      this.io.send(2, this.name, id, [event, ...args]);
    });
  }

  // Resolves to the arguments of the next `event` for which `wanted` is true, past ones included.
  heardOf(event, wanted = () => true) {
    const matches = ([name, ...args]) => name === event && wanted(...args);
    const past = this.heard.find(matches);
    if (past) return Promise.resolve(past.slice(1));
    return new Promise((resolve, reject) => this.waiting.push({ matches, resolve, reject }));
  }

  event(data, id) {
    this.heard.push(data);
    if (this.heard.length > 200) this.heard.shift();
    this.waiting = this.waiting.filter((one) => {
      if (!one.matches(data)) return true;
      one.resolve(data.slice(1));
      return false;
    });
    const answer = this.handlers.get(data[0])?.(...data.slice(1));
    if (id !== undefined) this.io.send(3, this.name, id, answer === undefined ? [] : [answer]);
  }

  acknowledged(id, data) {
    this.acks.get(id)?.resolve(data[0]);
    this.acks.delete(id);
  }

  fail(why) {
    const error = new Error(`${this.name}: ${why}`);
    this.refuse(error);
    for (const { reject } of [...this.acks.values(), ...this.waiting]) reject(error);
    this.acks.clear();
    this.waiting = [];
  }
}
