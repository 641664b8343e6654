"""The captures folder: which captures there are, and finding the one a person means."""

import difflib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from wsproxy import config
from wsproxy.errors import CaptureError, WsproxyError

LAST = "last"
"""The word that stands for the newest capture."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One capture of the folder at a glance."""

    path: Path
    size: int
    """Bytes on disk, what SQLite has not merged yet included."""
    created: int
    """ns since the epoch; of an unreadable file, when it was last written."""
    state: str
    """`live`, `finished`, `interrupted`, or `unreadable`."""
    connections: int = 0
    frames: int = 0
    error: str = ""
    """Why it is unreadable."""


def names() -> list[str]:
    """The names of all captures in the folder, without their suffix, in alphabetical order."""
    return sorted(path.stem for path in _files())


def summaries() -> list[Summary]:
    """Every capture in the folder, newest first. One that cannot be read is in the list, too."""
    return sorted((_summary(path) for path in _files()), key=lambda s: (s.created, s.path.name), reverse=True)


def resolve(name: str) -> Path:
    """
    The file a person means.

    Args:
        name: `last`, a path, or the name of a capture in the folder, with or without its suffix.

    Raises:
        CaptureError: there is none.
    """
    from wsproxy.store.files import SUFFIX

    folder = config.captures_dir()
    if name == LAST:
        return _newest(folder)
    path = Path(name).expanduser()
    if path.exists():
        return path
    if path.name == name:
        for candidate in (folder / name, folder / f"{name}{SUFFIX}"):
            if candidate.is_file():
                return candidate
    near = difflib.get_close_matches(name.removesuffix(SUFFIX), [*names(), LAST], 1, 0.7)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise CaptureError(f"there is no capture {name}", f"{hint}`wsproxy captures` lists yours")


def disk_size(path: Path) -> int:
    """Bytes of a capture, with what SQLite keeps beside it while it is being written."""
    total = 0
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            total += file.stat().st_size
        except OSError:
            continue
    return total


def state_of(ended: int | None, live: bool) -> str:
    """`live`, `finished`, or `interrupted` where the writer is gone without having ended it."""
    if ended is not None:
        return "finished"
    return "live" if live else "interrupted"


if TYPE_CHECKING:
    _PathType = click.ParamType[Path]
else:
    # Generic only in click 8.2 and later.
    _PathType = click.ParamType


class CaptureFile(_PathType):
    """The FILE argument of commands that read a capture; gives a Path."""

    name = "capture"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Raises CaptureError for what is not there."""
        return value if isinstance(value, Path) else resolve(str(value))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names in the captures folder, `last`, and files."""
        known = [LAST, *reversed(names())]
        items = [CompletionItem(name) for name in known if name.startswith(incomplete)]
        return [*items, CompletionItem(incomplete, type="file")]


def _files() -> list[Path]:
    from wsproxy.store.files import SUFFIX

    try:
        with os.scandir(config.captures_dir()) as entries:
            return [Path(entry.path) for entry in entries if entry.name.endswith(SUFFIX) and entry.is_file()]
    except FileNotFoundError:
        return []
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise WsproxyError(f"cannot read the captures folder {config.captures_dir()}: {why}") from None


def _newest(folder: Path) -> Path:
    from wsproxy.store.reader import Reader

    newest: tuple[int, str, Path] | None = None
    for path in _files():
        try:
            with Reader(path) as reader:
                found = (reader.info().created, path.name, path)
        except (CaptureError, sqlite3.Error):
            continue
        newest = max(newest, found) if newest else found
    if newest is None:
        raise CaptureError(f"there is no capture in {folder} yet", "`wsproxy dump` makes one")
    return newest[2]


def _summary(path: Path) -> Summary:
    from wsproxy.store.reader import Reader

    size = disk_size(path)
    try:
        with Reader(path) as reader, reader.snapshot():
            info = reader.info()
            connections, frames = reader.counts()
            state = state_of(info.ended, reader.is_live())
            return Summary(path, size, info.created, state, connections, frames)
    except CaptureError as error:
        why = error.message
    except sqlite3.Error as error:
        why = f"cannot read {path}: {error}"
    try:
        written = path.stat().st_mtime_ns
    except OSError:
        written = 0
    return Summary(path, size, written, "unreadable", error=why)
