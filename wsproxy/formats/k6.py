"""Load for k6 (https://k6.io), in JavaScript."""

from collections.abc import Iterator

from wsproxy.formats.literals import comment, javascript_data
from wsproxy.formats.session import Session

_IMPORTS = """
import { check } from "k6";
import encoding from "k6/encoding";
import { setTimeout, clearTimeout } from "k6/timers";
import { WebSocket } from "k6/websockets";

"""

_PROGRAM = """
export const options = { vus: 1, iterations: 1 };

const TO = __ENV.WS_URL || "";
const SPEED = Number(__ENV.WS_SPEED || 1);
const TIMEOUT = Number(__ENV.WS_TIMEOUT || 10) * 1000;

function bytes(text) {
  return encoding.b64decode(text);
}

// Plays the session once: each iteration of each virtual user.
export default function () {
  const sockets = {};
  const inboxes = {};
  const ends = {};
  const began = Date.now();
  let at = 0;
  let timer = null;

  function passed(what, name, holds) {
    check(null, { [`${what} ${name}`]: () => holds });
  }

  function give_up(why) {
    passed("session", why, false);
    at = STEPS.length;
    for (const socket of Object.values(sockets)) socket.close();
  }

  function wait() {
    clearTimeout(timer);
    timer = setTimeout(() => give_up(`step ${at + 1} timed out`), TIMEOUT);
  }

  function open(number, refused) {
    const { url, headers, subprotocols } = CONNECTIONS[number];
    const target = TO ? TO.replace(/\\/$/, "") + url.replace(/^\\w+:\\/\\/[^/?]*/, "") : url;
    const socket = new WebSocket(target, subprotocols, { headers });
    socket.binaryType = "arraybuffer";
    sockets[number] = socket;
    inboxes[number] = [];
    socket.addEventListener("open", () => {
      passed("open", String(number), !refused);
      at += 1;
      advance();
    });
    socket.addEventListener("error", () => {
      if (STEPS[at] && STEPS[at][1] === number && (STEPS[at][0] === "open" || STEPS[at][0] === "refused")) {
        passed(refused ? "refused" : "open", String(number), refused);
        at += 1;
        advance();
      }
    });
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string" && HEARTBEATS[data] !== undefined) socket.send(HEARTBEATS[data]);
      else inboxes[number].push(data);
      advance();
    });
    socket.addEventListener("close", ({ code }) => {
      ends[number] = code === undefined ? 1005 : code;
      advance();
    });
  }

  function advance() {
    while (at < STEPS.length) {
      const [what, number, seconds, ...more] = STEPS[at];
      const pause = SPEED > 0 ? (seconds * 1000) / SPEED - (Date.now() - began) : 0;
      if (pause > 1 && what !== "expect" && what !== "closed") {
        clearTimeout(timer);
        timer = setTimeout(advance, pause);
        return;
      }
      if (what === "open" || what === "refused") {
        if (sockets[number] === undefined) {
          wait();
          open(number, what === "refused");
        }
        return;
      }
      if (what === "send") sockets[number].send(more[0]);
      else if (what === "close") sockets[number].close(more[0] || 1000, more[1]);
      else if (what === "expect") {
        if (inboxes[number].length === 0) {
          if (ends[number] !== undefined) give_up(`connection ${number} closed early`);
          else wait();
          return;
        }
        passed("expect", String(number), same(more[0], inboxes[number].shift()));
      } else if (what === "closed") {
        if (ends[number] === undefined) {
          wait();
          return;
        }
        passed("closed", String(number), ends[number] === more[0]);
      }
      at += 1;
    }
    clearTimeout(timer);
    for (const number of Object.keys(sockets)) if (ends[number] === undefined) sockets[number].close();
  }

  advance();
}

function same(wanted, got) {
  if (typeof wanted !== "string" || typeof got !== "string") {
    if (typeof wanted === "string" || typeof got === "string") return false;
    const left = new Uint8Array(wanted);
    const right = new Uint8Array(got);
    return left.length === right.length && left.every((byte, place) => byte === right[place]);
  }
  return wanted === got || canonical(wanted) === canonical(got);
}

// JSON by what it means, behind what stands before it.
function canonical(text) {
  const place = text.search(/[[{]/);
  if (place < 0) return text;
  try {
    return text.slice(0, place) + JSON.stringify(sorted(JSON.parse(text.slice(place))));
  } catch (error) {
    return text;
  }
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const names = Object.keys(value).filter((name) => !IGNORED.includes(name));
  return Object.fromEntries(names.sort().map((name) => [name, sorted(value[name])]));
}
"""


def write_k6(session: Session) -> Iterator[str]:
    """A script: `k6 run session.js`."""
    yield comment(
        session,
        "//",
        "k6 run FILE; -e WS_URL=ws://host:port goes there instead, -e WS_SPEED=0 leaves the pauses out.",
    )
    yield _IMPORTS
    yield from javascript_data(session)
    yield _PROGRAM
