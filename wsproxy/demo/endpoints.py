"""What the demo's origin offers, as a table: printed by its index page, the command line and the docs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing to connect to."""

    name: str
    """One word; the script's steps are called after it."""
    path: str
    """Where to open the WebSocket."""
    page: str
    """The path of the page that exercises it; several endpoints may share one."""
    summary: str
    """One line: what the server does."""
    expect: str
    """The frames a debugger should show."""


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "echo",
        "/echo",
        "/echo.html",
        "Sends every text and binary message back.",
        "The same payload in both directions: with two, four and ten bytes of header, and empty.",
    ),
    Endpoint(
        "chat",
        "/chat",
        "/chat.html",
        "A chat room that speaks in lines with a prefix.",
        "Text: 'connected: NAME' for who joins, 'log: ...' for everybody in the room.",
    ),
    Endpoint(
        "socketio",
        "/socket.io/",
        "/socketio.html",
        "A Socket.IO chat: broadcast, rooms, a namespace, acknowledgements, binary, long-polling.",
        "Polling requests first, then 2probe, 3probe and 5, and packets such as 42[...] and 451-[...].",
    ),
    Endpoint(
        "fragments",
        "/fragments",
        "/fragments.html",
        "Sends one message whole and one in three pieces, then echoes.",
        "A text frame, a text frame without FIN, and two continuation frames, the last with FIN.",
    ),
    Endpoint(
        "ping",
        "/ping",
        "/ping.html",
        "Pings once a second and says how many pongs came back.",
        "Pings with a payload, pongs with the same, and text that counts them.",
    ),
    Endpoint(
        "subprotocol",
        "/subprotocol",
        "/subprotocol.html",
        "Chooses among soap, xmpp and wamp the first that the client offers.",
        "Sec-WebSocket-Protocol in the handshake, and the choice in a text message.",
    ),
    Endpoint(
        "ticker",
        "/ticker",
        "/ticker.html",
        "Sends JSON prices five times a second, compressed.",
        "Text frames with RSV1 (permessage-deflate), short after the first: the compressor remembers.",
    ),
    Endpoint(
        "image",
        "/image",
        "/image.html",
        "Sends a picture.",
        "One binary frame that is a PNG file.",
    ),
    Endpoint(
        "close-1000",
        "/close/1000",
        "/close.html",
        "Closes in order.",
        "A Close frame with code 1000 from the server, and its echo.",
    ),
    Endpoint(
        "close-4000",
        "/close/4000",
        "/close.html",
        "Closes with a code of its own and a reason.",
        "A Close frame with code 4000 and 'demo: closed on purpose', and its echo.",
    ),
    Endpoint(
        "cut",
        "/close/cut",
        "/close.html",
        "Resets the TCP connection.",
        "No Close frame; the client reports code 1006.",
    ),
    Endpoint(
        "eof",
        "/close/eof",
        "/close.html",
        "Ends the TCP connection without saying goodbye.",
        "No Close frame; the client reports code 1006.",
    ),
    Endpoint(
        "refused",
        "/refused",
        "/refused.html",
        "Refuses the upgrade.",
        "No frame at all: 403 with a small JSON body in place of 101.",
    ),
)
