"""
Which decoder reads a connection, and what happens when it cannot.

The order of recognition: a name the user gave, the subprotocol, the path and query, the first messages
of each direction of which two must agree; and for whatever no protocol claims, the generic reading of
each message on its own (`wsproxy.decoders.generic`).

Nothing raises out of a `RegistrySession`, whatever the bytes and whoever wrote the decoder.
"""

import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TypeVar

from wsproxy.decoders.api import (
    CERTAIN,
    IMPOSSIBLE,
    UNKNOWN,
    Context,
    Decoded,
    Decoder,
    Memory,
    Message,
    Opening,
    Session,
    Tree,
    Unfit,
    because,
)
from wsproxy.errors import UsageError

BUILTIN: tuple[str, ...] = (
    "wsproxy.decoders.engineio:EngineIO",
    "wsproxy.decoders.socketio:SocketIO",
    "wsproxy.decoders.sockjs:SockJs",
    "wsproxy.decoders.signalr:SignalR",
    "wsproxy.decoders.signalr_aspnet:SignalRAspNet",
    "wsproxy.decoders.graphql:GraphQL",
    "wsproxy.decoders.stomp:Stomp",
    "wsproxy.decoders.wamp:Wamp",
    "wsproxy.decoders.mqtt:Mqtt",
    "wsproxy.decoders.jsonrpc:JsonRpc",
    "wsproxy.decoders.phoenix:Phoenix",
    "wsproxy.decoders.actioncable:ActionCable",
    "wsproxy.decoders.xmpp:Xmpp",
    "wsproxy.decoders.amqp:Amqp",
    "wsproxy.decoders.cdp:Cdp",
    "wsproxy.decoders.cdp:Bidi",
    "wsproxy.decoders.pusher:Pusher",
)
"""`module:Class` of every protocol of our own. The order decides where two are equally likely."""

LOOKED_AT = 8
"""Messages of each direction by which a protocol may be recognised; four times as many if all go one way."""
KEPT = 256 * 1024
"""Bytes of early messages that are kept for a decoder found later."""
NEEDED = 2
"""Messages that must agree."""
SLOW = 0.25
"""Seconds that reading one message may take; Python cannot stop a decoder that takes longer, but ..."""
STRIKES = 3
"""... one that did so this often is not asked again. A suspended process is no fault of the decoder."""
NESTED = 4
"""Sessions wrapped in each other."""

D = TypeVar("D", bound=type[Decoder])


class Registry:
    """A set of decoders."""

    def __init__(self, builtin: tuple[str, ...] = BUILTIN) -> None:
        self._builtin = builtin
        self._decoders: dict[str, type[Decoder]] | None = None

    def add(self, decoder: D) -> D:
        """
        Add a decoder, ahead of those there are; one of the same name is replaced.

        Raises:
            ValueError: it has no usable name.
        """
        name = getattr(decoder, "name", "")
        if not isinstance(name, str) or not name or name != name.lower() or len(name.split()) != 1:
            raise ValueError(f"the decoder {decoder.__name__} has no usable name: {name!r}")
        others = {other: found for other, found in self._all().items() if other != name}
        self._decoders = {name: decoder} | others
        return decoder

    def remove(self, name: str) -> None:
        """Forget a decoder; one that is not there is fine."""
        self._all().pop(name, None)

    def all(self) -> list[type[Decoder]]:
        """Every decoder of a protocol, in the order in which they are asked."""
        return list(self._all().values())

    def get(self, name: str) -> type[Decoder]:
        """
        A decoder by its name, those of encodings included.

        Raises:
            UsageError: there is none.
        """
        known = self._known()
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else "`wsproxy decoders` lists them"
            raise UsageError(f"there is no decoder {name!r}", hint)
        return known[name]

    def names(self) -> list[str]:
        """What `get` knows."""
        return list(self._known())

    def session(
        self, opening: Opening, decoder: str | None = None, options: Mapping[str, str] | None = None
    ) -> "RegistrySession":
        """
        Begin to follow a connection.

        Args:
            opening: its handshake.
            decoder: read it with this one, whatever it looks like.
            options: for the decoders, `DECODER.WHAT` to value.

        Raises:
            UsageError: there is no such decoder.
        """
        return RegistrySession(self, opening, self.get(decoder) if decoder else None, options or {})

    def by_opening(self, opening: Opening) -> type[Decoder] | None:
        """The decoder that the handshake calls for."""
        if opening.subprotocol:
            wanted = opening.subprotocol.lower()
            for decoder in self.all():
                if any(fnmatchcase(wanted, pattern) for pattern in decoder.subprotocols):
                    return decoder
        for decoder in self.all():
            try:
                if decoder.recognises(opening):
                    return decoder
            except Exception:
                continue
        return None

    def _known(self) -> dict[str, type[Decoder]]:
        from wsproxy.decoders.generic import ENCODINGS

        return {decoder.name: decoder for decoder in ENCODINGS} | self._all()

    def _all(self) -> dict[str, type[Decoder]]:
        if self._decoders is None:
            self._decoders = {}
            for place in self._builtin:
                module, _, attribute = place.partition(":")
                found: type[Decoder] = getattr(importlib.import_module(module), attribute)
                self._decoders[found.name] = found
        return self._decoders


DECODERS = Registry()
"""The decoders of this process."""


def decoder(cls: D) -> D:
    """Make a decoder known, ahead of the built-in ones; for addon files, as a class decorator."""
    return DECODERS.add(cls)


def load(path: Path) -> None:
    """
    Run a Python file that makes decoders known.

    Raises:
        UsageError: it cannot be read, fails, or makes none known.
    """
    before = DECODERS.all()
    name = f"wsproxy_decoders_{path.stem}"
    spec = importlib.util.spec_from_loader(name, SourceFileLoader(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UsageError(f"cannot load {path}: {because(error)}") from error
    if DECODERS.all() == before:
        raise UsageError(
            f"{path} has no decoders in it", "Put @decoder (of wsproxy.decoders.registry) before the class"
        )


class RegistrySession(Session):
    """
    One connection, read by whichever decoder fits.

    Made by `Registry.session`.
    """

    def __init__(
        self,
        registry: Registry,
        opening: Opening,
        chosen: type[Decoder] | None,
        options: Mapping[str, str],
        depth: int = 0,
    ) -> None:
        from wsproxy.decoders.generic import Generic

        self._registry = registry
        self._opening = opening
        self._depth = depth
        self._context = Context(options, self._inner if depth < NESTED else None)
        self._generic = Generic(opening, self._context)
        self._session: Decoder | None = None
        self._retired: tuple[str, ...] = ()
        self.how = ""
        """How the decoder was found: `chosen`, `subprotocol`, `path`, `messages`; empty if there is none."""
        self._scores: dict[type[Decoder], tuple[int, int]] = {}
        self._early: list[Message] = []
        self._size = 0
        self._seen = {True: 0, False: 0}
        self._looking = False
        self._strikes = 0
        self._readers: Memory[tuple[int, int], Session] = Memory()
        """Who has read a message, by its number and content, where that is not the protocol's decoder."""
        if chosen:
            self._begin(chosen, "chosen")
        elif found := registry.by_opening(opening):
            named = opening.subprotocol and any(
                fnmatchcase(opening.subprotocol.lower(), pattern) for pattern in found.subprotocols
            )
            self._begin(found, "subprotocol" if named else "path")
        else:
            self._looking = True
            self._scores = {candidate: (0, 0) for candidate in registry.all()}

    @property
    def name(self) -> str:
        """The protocol's decoder, empty while there is none."""
        return self._session.name if self._session else ""

    def decode(self, message: Message) -> Decoded:
        """What the next message means. Never raises."""
        if self._looking:
            provisional = self._look(message)
            if self._session is None:
                return provisional or self._generically(message)
        session = self._session
        if session is None:
            return self._generically(message)
        if message.truncated or len(message.content) > session.size_limit:
            why = (
                "not all of the message was kept"
                if message.truncated
                else f"{len(message.content):,} B are more than it reads of one message"
            )
            return self._fallen_back(session, message, why, missed=True)
        return self._by(session, message)

    @property
    def remembers(self) -> bool:
        """Whether what a message means depends on those before it, as far as is known by now."""
        return self._looking or self._session is not None

    def speaks_for_itself(self, message: Message) -> bool:
        """Whether `decode` would say no more of the next message than what it says; it need not be called."""
        if self._session is not None or self._looking or self._retired:
            return False
        from wsproxy.decoders.generic import speaks_for_itself

        return speaks_for_itself(message)

    def missed(self, message: Message) -> None:
        """A message went by that cannot be decoded."""
        self._looking = False
        if self._session:
            self._tell_missed(self._session, message)

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """As `Session.reencode`, by whichever decoder has read the message."""
        try:
            reader = self._readers.get(_identity(message)) or self._session or self._generic
            return reader.reencode(tree, message)
        except Unfit:
            raise
        except Exception as error:
            raise Unfit(because(error)) from error

    def _begin(self, decoder: type[Decoder], how: str) -> None:
        self._looking = False
        try:
            self._session = decoder(self._opening, self._context)
            self.how = how
        except Exception as error:
            self._retired = (f"{decoder.name} gave up: {because(error)}",)
        for message in self._early:
            # It may rightly raise at what others have said before.
            if self._session:
                self._by(self._session, message)
        self._early = []
        self._scores = {}

    def _look(self, message: Message) -> Decoded | None:
        """Score one of the first messages; read it, if one decoder is certain of it."""
        self._seen[message.from_client] += 1
        if message.truncated or self._size + len(message.content) > KEPT:
            self._looking = False
            self._early = []
            return None
        certain: type[Decoder] | None = None
        settled: list[tuple[int, type[Decoder]]] = []
        for candidate, (agreeing, total) in list(self._scores.items()):
            try:
                score = candidate.score(message)
            except Exception:
                score = IMPOSSIBLE
            if score <= IMPOSSIBLE:
                del self._scores[candidate]
            elif score > UNKNOWN:
                agreeing, total = agreeing + 1, total + score
                self._scores[candidate] = agreeing, total
                if score >= CERTAIN and certain is None:
                    certain = candidate
                if agreeing >= NEEDED:
                    settled.append((total, candidate))
        if settled:
            best = max(total for total, _ in settled)
            self._begin(next(found for total, found in settled if total == best), "messages")
            return None
        self._early.append(message)
        self._size += len(message.content)
        enough = min(self._seen.values()) >= LOOKED_AT or sum(self._seen.values()) >= 4 * LOOKED_AT
        if enough or not self._scores:
            self._looking = False
            self._early = []
        if certain:
            try:
                session = certain(self._opening, self._context)
                decoded = session.decode(message)
            except Exception:
                return None
            self._readers[_identity(message)] = session
            return decoded
        return None

    def _by(self, session: Decoder, message: Message) -> Decoded:
        started = time.perf_counter()
        try:
            decoded = session.decode(message)
            if not isinstance(decoded, Decoded):
                raise TypeError(f"decode() returned {type(decoded).__name__}, not Decoded")
        except Exception as error:
            decoded = self._fallen_back(session, message, because(error))
        took = time.perf_counter() - started
        if took > SLOW and session is self._session:
            self._strikes += 1
            if self._strikes == STRIKES:
                self._session = None
                self._retired = (f"{session.name} was given up: again it took {took:.1f} s for one message",)
        return decoded

    def _fallen_back(self, session: Decoder, message: Message, why: str, missed: bool = False) -> Decoded:
        if missed:
            self._tell_missed(session, message)
        decoded = self._generically(message)
        decoded.notes = (f"{session.name} gave up: {why}", *decoded.notes)
        return decoded

    def _generically(self, message: Message) -> Decoded:
        decoded = self._generic.decode(message)
        if self._session or self._looking:
            self._readers[_identity(message)] = self._generic
        if self._retired:
            decoded.notes = (*self._retired, *decoded.notes)
        return decoded

    def _tell_missed(self, session: Decoder, message: Message) -> None:
        try:
            session.missed(message)
        except Exception as error:
            self._session = None
            self._retired = (f"{session.name} gave up: {because(error)}",)

    def _inner(self, opening: Opening) -> Session:
        return RegistrySession(self._registry, opening, None, self._context.options, self._depth + 1)


def _identity(message: Message) -> tuple[int, int]:
    return message.number, hash(message.content)


Factory = Callable[[Opening], RegistrySession]
"""Makes the session of a connection: `DECODERS.session`, or one with a choice of the user in it."""
