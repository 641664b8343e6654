'''
What a decoder is: everything its author needs.

A decoder is a class, and an instance of it is a *session*: what one WebSocket connection has said
so far. It is made from the handshake, is given every complete message in order, and says of each
what it means:

    from wsproxy.decoders.api import Decoded, Decoder, Kind, Message, Opening
    from wsproxy.decoders.registry import decoder

    @decoder
    class Till(Decoder):
        """The tills of the shop: `SELL <id> <article>`, answered by `OK <id>` or `NO <id> <why>`."""

        name = "till"
        subprotocols = ("till.v1",)

        @classmethod
        def score(cls, message: Message) -> int:
            return LIKELY if re.match(r"(SELL|OK|NO) \\d+", message.text or "") else UNKNOWN

        def decode(self, message: Message) -> Decoded:
            word, number, *rest = (message.text or "").split(" ", 2)
            if word == "SELL":
                return self.call(message, number, "sell", f"sell {rest[0]}", tree=rest)
            return self.reply(message, number, "sold" if word == "OK" else f"not sold: {rest[0]}",
                              error=word == "NO", tree=rest)

Being recognised. The registry asks in this order and takes the first that answers: `subprotocols`
against what the server chose; `recognises(opening)`, for paths and queries; `score(message)` of
the first messages of each direction, where two must agree. A person can choose by name instead.
If the decoder is found after some messages have passed, a new session is given those again, so its
state is always that of the whole connection, as far as the capture has it.

Deciding what a message means. `decode` returns one `Decoded`. Several packets in one message are
`several(parts)`; a message that is only a piece of a packet is a `Decoded` whose event says so. Calls
and replies are paired by `self.call(...)` and `self.reply(...)`, under any key the protocol gives:
they keep the open calls, bounded, and fill in `pairs_with`, `latency` and the method's name.

Failing. `decode` may raise whatever it likes: the message then shows as text, JSON or hex, with a note
that says which decoder gave up and why, and the session is given the next message as usual. `Unfit` is for
"this is not my protocol after all", in words. Raise rather than guess: a wrong meaning is worse than
none. A message that was not kept whole, or is over `size_limit`, is not decoded; `missed(message)` says
that one is missing, for those who read a stream across messages.

Costs. Decoding runs in viewers, never in the proxy, but a viewer shows thousands of messages a second:
`decode` makes the one line at once and the tree only when somebody looks, so give `tree` as a function
where building it takes work. `message.text` and `message.json` are made once and shared by all who ask.

Safety. Whatever is in a message was written by a stranger. Nothing need be escaped here (callers run
`wsproxy.decoders.text.printable`), but sizes, counts and depths in it are claims, not facts: never
allocate by them. What a session remembers must be bounded; `Memory` forgets the oldest.
'''

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

from wsproxy.decoders.decoded import DEPTH, Decoded, Kind, Node, Tree, Unfit, because, is_deeper, several
from wsproxy.decoders.memory import Call, Memory
from wsproxy.decoders.message import Message, Opening

__all__ = [
    "CERTAIN",
    "DEPTH",
    "IMPOSSIBLE",
    "LIKELY",
    "UNKNOWN",
    "Call",
    "Context",
    "Decoded",
    "Decoder",
    "Kind",
    "Memory",
    "Message",
    "Node",
    "Opening",
    "Session",
    "Tree",
    "Unfit",
    "because",
    "is_deeper",
    "several",
]

IMPOSSIBLE, UNKNOWN, LIKELY, CERTAIN = -1, 0, 1, 2
"""
What `Decoder.score` says of a message: it cannot be of this protocol, it does not show, it looks like
it, it can hardly be anything else.
"""


@dataclass(frozen=True)
class Context:
    """What a session may use besides its connection."""

    options: Mapping[str, str] = field(default_factory=dict)
    """Given by the user as `--decoder-option NAME=VALUE`, named `DECODER.WHAT`, e.g. `protobuf.schema`."""
    inner: Callable[[Opening], "Session"] | None = None
    """Starts a session for what is wrapped in messages (as in SockJS), with recognition of its own."""


class Session(ABC):
    """Anything that decodes the messages of one connection."""

    @abstractmethod
    def decode(self, message: Message) -> Decoded:
        """
        What the next message means.

        Args:
            message: the next one of either direction, in order of arrival.
        """

    def missed(self, message: Message) -> None:  # noqa: B027 - most need not care
        """
        Hear that a message went by which cannot be decoded.

        Args:
            message: with what is known of it; its content is cut, or too large.
        """

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """
        The content that an edited tree stands for; for the tree unedited, `message.content` exactly.

        Args:
            tree: as `Decoded.tree` of `message`, edited.
            message: where the tree came from; tells what a tree does not, such as the style of JSON.

        Raises:
            Unfit: the tree cannot be written, or only otherwise than the peer would.
        """
        raise Unfit("this decoder does not write messages")


class Decoder(Session):
    """
    The base of all decoders; the module's docstring says how to write one.

    The first line of a decoder's docstring is what `wsproxy decoders` says about it; the rest is its
    documentation in `wsproxy help decoders`, as Markdown.

    Args:
        opening: the handshake.
        context: options, and sessions for what is wrapped in messages.
    """

    name: ClassVar[str]
    """Lower case, no spaces: for `--decoder`, `~decoder`, and in JSON."""
    subprotocols: ClassVar[tuple[str, ...]] = ()
    """Those that mean this protocol, in lower case; `*` stands for anything (`wamp.2.*`)."""
    matches: ClassVar[str] = ""
    """What `recognises` and `score` look for, in words for `wsproxy decoders`."""
    editable: ClassVar[bool] = False
    """It implements `reencode`."""
    size_limit: ClassVar[int] = 1 << 20
    """Bytes of a message that it is given; larger ones are `missed`."""

    def __init__(self, opening: Opening, context: Context) -> None:
        self.opening = opening
        self.context = context
        self._calls: Memory[Hashable, Call] = Memory()

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        """Whether path, query or headers show that this is the protocol. Be strict: nobody else is asked."""
        return False

    @classmethod
    def score(cls, message: Message) -> int:
        """`IMPOSSIBLE`, `UNKNOWN`, `LIKELY` or `CERTAIN`, by one of a connection's first messages alone."""
        return UNKNOWN

    @final
    def say(
        self,
        event: str,
        kind: Kind = Kind.NOTIFICATION,
        name: str = "",
        *,
        tree: Tree = None,
        **more: Any,
    ) -> Decoded:
        """
        A `Decoded` of this decoder.

        Args:
            event: the meaning in one line.
            kind: the part it plays.
            name: what to count it by.
            tree: the tree, or a function that makes it.
            **more: other fields of `Decoded`.
        """
        return Decoded(self.name, event, kind, name, make_tree=_maker(tree), **more)

    @final
    def call(
        self, message: Message, id: object, name: str, event: str, *, key: Hashable = None, **more: Any
    ) -> Decoded:
        """
        A call that wants a reply.

        Args:
            message: which has it.
            id: as the protocol has it.
            name: the method, by which calls are counted.
            event: the meaning in one line.
            key: what finds it again, besides the direction: the id by default. Ids that are unique only
                within a channel need a key of both.
            **more: `tree` and other fields of `Decoded`.
        """
        key = _key(id) if key is None else key
        channel = more.get("channel", "")
        self._calls[message.from_client, key] = Call(message.number, message.time, name, channel)
        return self.say(event, Kind.CALL, name, id=str(id), **more)

    @final
    def reply(
        self,
        message: Message,
        id: object,
        event: str,
        *,
        key: Hashable = None,
        last: bool = True,
        name: str = "",
        **more: Any,
    ) -> Decoded:
        """
        An answer to a call of the other direction.

        Args:
            message: which has it.
            id: of the call.
            event: the meaning in one line; the method's name is put before it, if the call was seen.
            key: as given to `call`.
            last: no other answer to this call follows.
            name: what to count it by if the call was not seen.
            **more: `tree`, `error` and other fields of `Decoded`.
        """
        key = (not message.from_client, _key(id) if key is None else key)
        call = self._calls.pop(key) if last else self._calls.get(key)
        if call:
            name = call.name
            event = f"{call.name}: {event}" if call.name else event
            more = {"channel": call.channel, "pairs_with": call.number} | more
            more["latency"] = max(message.time - call.time, 0)
        return self.say(event, Kind.REPLY if last else Kind.PARTIAL, name, id=str(id), **more)

    @final
    def ended(self, message: Message, id: object, *, key: Hashable = None) -> Call | None:
        """
        The caller itself does not want an answer any more: forget the call.

        Args:
            message: which says so, of the direction of the call.
            id: of the call.
            key: as given to `call`.

        Returns:
            The call; None if it was not seen. `pairs_with` of what is made of the message is its number.
        """
        return self._calls.pop((message.from_client, _key(id) if key is None else key))

    @final
    def several(self, parts: Sequence[Decoded], **more: Any) -> Decoded:
        """One `Decoded` for the packets of one message, of which there may be one or none."""
        if len(parts) == 1 and not more:
            return parts[0]
        return several(self.name, parts, **more)


def _key(id: object) -> Hashable:
    """JSON tells 1 from "1" and true; Python takes 1, 1.0 and True for the same."""
    return (type(id).__name__, str(id))


def _maker(tree: Tree) -> Callable[[], Tree] | None:
    if tree is None or callable(tree):
        return tree  # type: ignore[no-any-return]
    return lambda: tree
