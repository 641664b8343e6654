"""Options that say how messages are decoded, the same for every command that shows them."""

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from wsproxy.decoders.decoded import Decoded
    from wsproxy.decoders.registry import Factory
    from wsproxy.filters.rows import FrameSubject
    from wsproxy.store.reader import Reader

F = TypeVar("F", bound=Callable[..., Any])


def decoder_options(command: F) -> F:
    """`--decoder`, `--decoder-option` and `--decoder-file`, together as the parameter `decoding`."""

    @click.option(
        "--decoder",
        metavar="NAME",
        shell_complete=_complete,
        help="Read all messages with this decoder (see `wsproxy decoders`), whatever they look like.",
    )
    @click.option(
        "--decoder-option",
        "options",
        metavar="NAME=VALUE",
        multiple=True,
        help="An option of a decoder, e.g. protobuf.schema=chat.proto.",
    )
    @click.option(
        "--decoder-file",
        "files",
        metavar="FILE",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Use the decoders in a Python file, too.",
    )
    @wraps(command)
    def wrapped(
        *args: Any, decoder: str | None, options: tuple[str, ...], files: tuple[Path, ...], **kwargs: Any
    ) -> Any:
        return command(*args, decoding=Decoding(decoder, options, files), **kwargs)

    return wrapped  # type: ignore[return-value]


class Decoding:
    """
    How the user wants messages decoded.

    Args:
        decoder: the name of one to read everything with.
        options: `NAME=VALUE` each.
        files: with decoders in them.
    """

    def __init__(
        self, decoder: str | None = None, options: tuple[str, ...] = (), files: tuple[Path, ...] = ()
    ) -> None:
        self.decoder = decoder
        self.options = options
        self.files = files

    def words(self) -> list[str]:
        """As the options of another command."""
        words = ["--decoder", self.decoder] if self.decoder else []
        for option in self.options:
            words += ["--decoder-option", option]
        for file in self.files:
            words += ["--decoder-file", str(file)]
        return words

    def factory(self) -> "Factory":
        """
        What makes the session of a connection.

        Raises:
            UsageError: no such decoder, an option without a value, a file that cannot be loaded.
        """
        from wsproxy.decoders.message import Opening
        from wsproxy.decoders.registry import DECODERS, load
        from wsproxy.errors import UsageError

        for file in self.files:
            load(file)
        given: dict[str, str] = {}
        for option in self.options:
            name, equals, value = option.partition("=")
            if not equals or "." not in name:
                raise UsageError(
                    f"{option!r} is no option of a decoder",
                    "They look like protobuf.schema=chat.proto; `wsproxy help decoders` lists them",
                )
            given[name] = value

        def factory(opening: Opening) -> Any:
            return DECODERS.session(opening, self.decoder, given)

        # What is wrong with the options is said now, not at the first connection.
        factory(Opening())
        return factory

    def decode(self, reader: "Reader") -> "Callable[[FrameSubject], Meaning | None]":
        """
        What says to a filter what messages of a capture mean.

        Raises:
            UsageError: as `factory`.
        """
        return _Meanings(reader, self.factory())


class _Meanings:
    """Decodes for filters, which look at some messages and not at others."""

    def __init__(self, reader: "Reader", factory: "Factory") -> None:
        from wsproxy.decoders.follow import Follower

        self._reader = reader
        self._factory = factory
        self._follower = Follower(reader, factory, gaps=True)
        self._unanswered: set[tuple[int, str | None]] | None = None

    def __call__(self, subject: "FrameSubject") -> "Meaning | None":
        from wsproxy.store.tail import FrameEvent

        decoded = self._follower.decoded(FrameEvent(subject.frame, subject.message))
        return Meaning(decoded, subject.frame.id, self) if decoded else None

    @property
    def unanswered(self) -> set[tuple[int, str | None]]:
        """The calls without a reply, as frame and id. Only who has read to the end knows them."""
        if self._unanswered is None:
            from wsproxy.decoders.decoded import Kind
            from wsproxy.decoders.follow import Follower, everything
            from wsproxy.store.tail import FrameEvent

            calls: set[tuple[int, str | None]] = set()
            for event, decoded in everything(self._reader, Follower(self._reader, self._factory)):
                if decoded is None or not isinstance(event, FrameEvent):
                    continue
                for part in decoded.each():
                    if part.kind is Kind.CALL:
                        calls.add((event.frame.id, part.id))
                    elif part.pairs_with is not None:
                        calls.discard((part.pairs_with, part.id))
            self._unanswered = calls
        return self._unanswered


class Meaning:
    """What a decoder says, as filters ask for it."""

    def __init__(self, decoded: "Decoded", frame: int, meanings: _Meanings) -> None:
        self._decoded = decoded
        self._frame = frame
        self._meanings = meanings
        self.decoder = decoded.decoder
        self.event = decoded.event
        self.id = decoded.id
        self.heartbeat = decoded.heartbeat

    @property
    def replied(self) -> bool | None:
        """Whether this call was answered; None for what is no call."""
        from wsproxy.decoders.decoded import Kind

        if self._decoded.kind is not Kind.CALL:
            return None
        return (self._frame, self.id) not in self._meanings.unanswered

    def each(self) -> "Iterator[Meaning]":
        """The packets in the message; itself if it is only one."""
        return (Meaning(part, self._frame, self._meanings) for part in self._decoded.each())


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from wsproxy.decoders.registry import DECODERS

    return [name for name in DECODERS.names() if name.startswith(incomplete)]
