"""Options that say how messages are decoded, the same for every command that shows them."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from wsproxy.decoders.registry import Factory
    from wsproxy.store.reader import Reader
    from wsproxy.view.meanings import Meanings

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

    def decode(self, reader: "Reader") -> "Meanings":
        """
        What says to a filter what messages of a capture mean.

        Raises:
            UsageError: as `factory`.
        """
        from wsproxy.view.meanings import Meanings

        return Meanings(reader, self.factory())


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from wsproxy.decoders.registry import DECODERS

    return [name for name in DECODERS.names() if name.startswith(incomplete)]
