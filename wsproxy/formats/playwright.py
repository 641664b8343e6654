"""A mock of the recorded server for tests with Playwright (`routeWebSocket`), in JavaScript."""

from collections.abc import Iterator

from wsproxy.formats.literals import comment, javascript_data
from wsproxy.formats.session import Session

_PROGRAM = """
function bytes(text) {
  return Buffer.from(text, "base64");
}

/**
 * Let the recording answer in place of the server.
 *
 * @param page a Page or a BrowserContext of Playwright.
 * @param options `speed`: with the recorded pauses, shortened by this; 0, the default: without.
 *   `heard`: called with each message of the page, and the one that was recorded in its place (or undefined).
 */
export async function mockWebSockets(page, { speed = 0, heard = () => {} } = {}) {
  const waiting = new Map();
  for (const number of Object.keys(CONNECTIONS).map(Number)) {
    const target = targetOf(CONNECTIONS[number].url);
    waiting.set(target, [...(waiting.get(target) ?? []), number]);
  }
  for (const [target, numbers] of waiting) {
    let next = 0;
    // Of several the first comes first, the next one next, round and round.
    await page.routeWebSocket(
      (url) => targetOf(String(url)) === target,
      (route) => serve(route, numbers[next++ % numbers.length], speed, heard),
    );
  }
}

function targetOf(url) {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

function serve(route, number, speed, heard) {
  const steps = STEPS.filter((step) => step[1] === number && step[0] !== "open");
  let at = 0;
  let before = STEPS.find((step) => step[1] === number)[2];
  let timer = null;
  let over = false;

  function advance() {
    while (!over && at < steps.length && timer === null) {
      const [what, , seconds, ...more] = steps[at];
      // What the page has to do, it has to do itself.
      if (what === "send" || what === "close") return;
      const pause = speed > 0 ? ((seconds - before) * 1000) / speed : 0;
      before = seconds;
      at += 1;
      const act = () => {
        if (over) return;
        if (what === "expect") route.send(more[0]);
        else {
          over = true;
          const [code, reason] = more;
          route.close(what === "closed" && sendable(code) ? { code, reason } : {});
        }
      };
      if (pause <= 0) act();
      else {
        timer = setTimeout(() => {
          timer = null;
          act();
          advance();
        }, pause);
      }
    }
  }

  route.onMessage((message) => {
    const expected = steps[at]?.[0] === "send" ? steps[at] : undefined;
    heard(message, expected?.[3]);
    if (expected) {
      before = expected[2];
      at += 1;
    } else {
      // It came earlier than in the recording: what the server said before it is due all the same.
      const later = steps.findIndex((step, place) => place >= at && step[0] === "send");
      if (later >= 0) steps.splice(later, 1);
    }
    advance();
  });
  route.onClose((code, reason) => {
    over = true;
    clearTimeout(timer);
    route.close(sendable(code) ? { code, reason } : {});
  });
  advance();
}

function sendable(code) {
  return code === 1000 || (code >= 3000 && code <= 4999);
}
"""


def write_playwright(session: Session) -> Iterator[str]:
    """A module with `mockWebSockets(page)`."""
    yield comment(
        session,
        "//",
        'import { mockWebSockets } from "./FILE";',
        "test.beforeEach(({ page }) => mockWebSockets(page));",
        "Playwright 1.48 or newer. It mocks no subprotocols, no compression, no pings and no refusals.",
    )
    yield "\n"
    yield from javascript_data(session)
    yield _PROGRAM
