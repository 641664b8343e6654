// Loaded by Node.js before a program (`--require`), with `wsproxy exec` and `wsproxy env`: lets its HTTP and
// WebSocket clients go through the proxy of HTTPS_PROXY, where Node.js by itself does not look for one.
//
//   http, https       connections of agents that are Node's own, `agent: false` included: axios, got,
//                     socket.io-client
//   ws                brings its own `createConnection` and no agent: it is given one
//   fetch, WebSocket  of Node.js itself, and of the package undici: their dispatcher makes the connections
//
// Every connection is a tunnel (CONNECT), which is what a WebSocket needs. An agent or dispatcher that a
// program chose with a mind of its own (https-proxy-agent, ProxyAgent) is left alone, and so is whatever goes
// to a Unix socket or is no HTTP. Nothing is loaded that the program would not load.

"use strict";

const given = process.env.https_proxy || process.env.HTTPS_PROXY;
const proxy = given && given.startsWith("http://") ? new URL(given) : null;

if (proxy) {
  const http = require("http");
  const https = require("https");
  const Module = require("module");

  throughAgents(http, plain);
  throughAgents(https, secure);
  if (typeof globalThis.fetch === "function") throughFetch();
  throughWebSocket();
  throughUndici(Module);
  // For programs that `import { request } from "https"`.
  if (Module.syncBuiltinESMExports) Module.syncBuiltinESMExports();
}

// Tunnels.

/** Call `done(error, socket)` with a socket that leads to `host`. */
function tunnel(host, port, done) {
  const net = require("net");
  const authority = `${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`;
  const bare = proxy.hostname.replace(/^\[|\]$/g, "");
  const socket = net.connect({ host: bare, port: Number(proxy.port || 80) });
  let head = Buffer.alloc(0);

  function end(error) {
    socket.removeListener("readable", read);
    socket.removeListener("error", end);
    socket.removeListener("end", early);
    if (!error) return done(null, socket);
    socket.destroy();
    done(error);
  }
  function early() {
    end(new Error(`the proxy ${proxy.host} closed the connection to ${authority}`));
  }
  function read() {
    for (let chunk; (chunk = socket.read()) !== null; ) {
      head = Buffer.concat([head, chunk]);
      const at = head.indexOf("\r\n\r\n");
      if (at < 0) {
        if (head.length > 65536) return early();
        continue;
      }
      const line = head.toString("latin1", 0, head.indexOf("\r\n"));
      if (!/^HTTP\/1\.[01] 2\d\d/.test(line))
        return end(new Error(`the proxy ${proxy.host} did not connect to ${authority}: ${line}`));
      const rest = head.subarray(at + 4);
      if (rest.length) socket.unshift(rest);
      return end(null);
    }
  }
  socket.on("readable", read);
  socket.on("error", end);
  socket.on("end", early);
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  return socket;
}

function plain(options, done) {
  tunnel(hostOf(options), options.port || 80, done);
}

function secure(options, done) {
  const { connect } = require("tls");
  const { isIP } = require("net");
  const host = hostOf(options);
  tunnel(host, options.port || 443, (error, socket) => {
    if (error) return done(error);
    const name = options.servername === undefined ? host : options.servername;
    done(null, connect({
      ALPNProtocols: ["http/1.1"],
      ...options,
      host,
      path: undefined,
      socket,
      servername: isIP(name) ? "" : name,
    }));
  });
}

function hostOf(options) {
  return options.hostname || options.host || "localhost";
}

// http and https.

function throughAgents(module, connect) {
  const direct = module.Agent.prototype.createConnection;
  module.Agent.prototype.createConnection = function createConnection(options, done) {
    // Called otherwise it is not by Node's own agents.
    const ours =
      options && typeof options === "object" && typeof done === "function" && !options.socketPath && !knowsProxy(this);
    if (!ours) return direct.apply(this, arguments);
    connect(options, done);
  };
  // From Node.js 24 on these may have been made to look for a proxy themselves.
  if (knowsProxy(module.globalAgent)) {
    module.globalAgent.destroy();
    module.globalAgent = new module.Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });
  }
  for (const name of ["request", "get"]) {
    const original = module[name];
    module[name] = function (...given) {
      const at = typeof given[0] === "string" || given[0] instanceof URL ? 1 : 0;
      if (isLoneUpgrade(given[at])) given[at] = { ...given[at], agent: false, createConnection: undefined };
      return original.apply(this, given);
    };
    Object.defineProperty(module[name], "name", { value: name });
  }
}

/** Whether an agent was given an environment to look for proxies in (`proxyEnv`). */
function knowsProxy(agent) {
  return Object.getOwnPropertySymbols(agent).some(
    (symbol) => symbol.description === "kProxyConfig" && agent[symbol],
  );
}

/** Whether these are the options of a WebSocket's handshake that would get a connection without an agent. */
function isLoneUpgrade(options) {
  if (!options || typeof options.createConnection !== "function" || options.socketPath) return false;
  if (options.agent !== undefined && options.agent !== null) return false;
  const headers = options.headers || {};
  const upgrade = Object.keys(headers).find((name) => name.toLowerCase() === "upgrade");
  return upgrade !== undefined && String(headers[upgrade]).toLowerCase() === "websocket";
}

// undici: inside Node.js, and as a package.

/** A dispatcher that tunnels, of the same kind as the usual one; null if that is not the usual one. */
function dispatcher() {
  const usual = globalThis[Symbol.for("undici.globalDispatcher.1")];
  if (!usual || usual.constructor.name !== "Agent") return null;
  // One for each kind, for the life of the program.
  const made = (dispatcher.made = dispatcher.made || new Map());
  if (!made.has(usual.constructor)) made.set(usual.constructor, tunnelling(usual.constructor));
  return made.get(usual.constructor);
}

function tunnelling(Agent) {
  return new Agent({
    connect(options, done) {
      const isSecure = options.protocol === "https:";
      const host = options.hostname.replace(/^\[|\]$/g, "");
      const wanted = { host, port: options.port, servername: options.servername || undefined };
      if (!isSecure) return plain(wanted, done);
      secure(wanted, (error, socket) => {
        if (error) return done(error);
        const failed = (why) => done(why);
        socket.once("error", failed);
        socket.once("secureConnect", () => {
          socket.removeListener("error", failed);
          done(null, socket);
        });
      });
    },
  });
}

function throughFetch() {
  const original = globalThis.fetch;
  let known = false;
  globalThis.fetch = function fetch(input, init = undefined) {
    if (init && init.dispatcher) return original(input, init);
    if (!known) {
      // Loads undici, which this call would do in any case.
      known = Boolean(globalThis.Headers);
    }
    const ours = dispatcher();
    return original(input, ours ? { ...init, dispatcher: ours } : init);
  };
}

function throughWebSocket() {
  const before = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  if (!before || !before.configurable) return;
  const { enumerable } = before;
  const set = (value) =>
    Object.defineProperty(globalThis, "WebSocket", { value, enumerable, configurable: true, writable: true });
  Object.defineProperty(globalThis, "WebSocket", {
    configurable: true,
    enumerable,
    get() {
      const original = before.get ? before.get.call(globalThis) : before.value;
      const wrapped = typeof original === "function" ? tunnelled(original) : original;
      set(wrapped);
      return wrapped;
    },
    set,
  });
}

function tunnelled(WebSocket) {
  return new Proxy(WebSocket, {
    construct(target, [url, second, ...more], newTarget) {
      const isOptions = second && typeof second === "object" && !Array.isArray(second);
      const options = isOptions ? second : second === undefined ? {} : { protocols: second };
      const ours = options.dispatcher ? null : dispatcher();
      const given = ours ? { ...options, dispatcher: ours } : second;
      return Reflect.construct(target, [url, given, ...more], newTarget);
    },
  });
}

function throughUndici(Module) {
  const load = Module._load;
  const seen = new WeakSet();
  Module._load = function (name) {
    const found = load.apply(this, arguments);
    if (!/(^|[\\/])undici(\/index\.js|[\\/]index\.js)?$/.test(name)) return found;
    if (!found || typeof found.setGlobalDispatcher !== "function" || seen.has(found)) return found;
    seen.add(found);
    // Only in place of the one it came with.
    if (found.getGlobalDispatcher().constructor.name === "Agent") found.setGlobalDispatcher(tunnelling(found.Agent));
    return found;
  };
}
