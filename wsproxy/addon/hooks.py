"""
Every hook an addon can have. The reference in `wsproxy help addons` is made of this file.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsproxy.addon.connection import Connection
    from wsproxy.addon.frame import Frame
    from wsproxy.addon.message import Message
    from wsproxy.addon.options import Options
    from wsproxy.addon.packet import Packet


class Hooks:
    """
    The hooks, in the order of events. Nothing has to inherit from this.

    A hook is a plain function of a script, or a method of an object in the script's list `addons`,
    as in mitmproxy. Those that begin with `ws_` may be `async`. A hook that raises is reported once
    for each error; traffic goes on as if that hook had not been called.
    """

    def load(self, options: "Options") -> None:
        """
        The script was loaded. Declare its options here: `options.add("name", default, "what it does")`.
        """

    def configure(self, changed: set[str]) -> None:
        """
        Options were set: after `load` (then `changed` has all of them), and whenever one is changed.

        Raise `addon.OptionError` for a value that makes no sense; the old one then stays.
        """

    def ws_handshake(self, connection: "Connection") -> Awaitable[None] | None:
        """
        A client asks for a WebSocket, and the request has not gone to the server.

        `connection.request` may still be changed: its `headers`, the offered `subprotocols` and
        `extensions`. `connection.redact(regex, replacement)` says what the capture is not to know of
        URL and heads. The request waits for an async hook.
        """

    def ws_open(self, connection: "Connection") -> Awaitable[None] | None:
        """
        The server accepted.

        A script that is loaded or reloaded later gets this for every connection that is open then.
        """

    def ws_frame(self, connection: "Connection", frame: "Frame") -> Awaitable[None] | None:
        """
        A frame arrived. Those of a message come when the message is complete, right before `ws_message`.

        Control frames (close, ping, pong) can be dropped or get another payload; the frames of a message
        can only be looked at. Pings and pongs do not wait: an async hook sees them, and decides too late.
        """

    def ws_message(self, connection: "Connection", message: "Message") -> Awaitable[None] | None:
        """
        A text or binary message arrived whole, and has not been sent on.

        It may be changed, dropped, held, delayed. It is held while an async hook runs; those behind it
        may be shown meanwhile, and are sent in their order. A message that an addon dropped is not
        shown to the addons behind it. Messages above the edit limit are not shown, nor those that
        addons send.
        """

    def ws_close(self, connection: "Connection") -> Awaitable[None] | None:
        """
        The connection is over: `connection.closure` says by whom, with which `code` and `reason`,
        whether it was `clean`, and `how` TCP ended. Nothing can be sent any more.
        """

    def ws_poll(self, connection: "Connection") -> Awaitable[None] | None:
        """
        A request of Engine.IO's HTTP long-polling has come, and has not gone to the server.

        That is how most sessions of Socket.IO begin, and how some go on. `connection.redirect` asks another
        server in its place, and `connection.request.headers` may be changed, as in `ws_handshake`; there is
        no WebSocket yet. The request waits for an async hook.
        """

    def ws_polling(self, packet: "Packet") -> None:
        """
        A packet of Engine.IO crossed over HTTP long-polling and is about to be recorded.

        That is how most sessions of Socket.IO begin. It has been sent on as it came: only what the capture
        keeps can be decided, with `packet.record_as`. An addon that has `redacts = True` and not this hook
        keeps such packets out of the capture. The hook cannot be async.
        """

    def done(self) -> None:
        """The script is unloaded, or about to be replaced by a newer version of its file."""


HOOKS: dict[str, Callable[..., Awaitable[None] | None]] = {
    name: function for name, function in vars(Hooks).items() if not name.startswith("_")
}
"""By name, in order."""


def arguments(name: str) -> tuple[str, ...]:
    """The names of a hook's arguments."""
    return tuple(inspect.signature(HOOKS[name]).parameters)[1:]


def text(name: str) -> str:
    """What a hook's docstring says, without its indentation."""
    return inspect.cleandoc(HOOKS[name].__doc__ or "")
