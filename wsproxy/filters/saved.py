"""
The user's own filters, by name: `filters.toml` in the config folder.

    noise = "~ping | ~pong"
    logins = "~text & ~json op = login"
"""

import os
import re
from pathlib import Path

from wsproxy import config
from wsproxy.errors import UsageError, WsproxyError
from wsproxy.filters.grammar import nearest

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def path() -> Path:
    """The file; it need not be there."""
    return config.config_dir() / "filters.toml"


def load() -> dict[str, str]:
    """
    All saved filters, by name, in the order of the file.

    Raises:
        WsproxyError: the file cannot be read.
    """
    import tomllib

    text = _read()
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise WsproxyError(f"cannot read {path()}: {error}", "Correct it, or move it away") from None
    for name, value in found.items():
        if not isinstance(value, str):
            raise WsproxyError(f"in {path()} the filter {name} is not a string", 'Write NAME = "FILTER"')
    return found


def get(name: str) -> str:
    """
    One of them.

    Raises:
        UsageError: there is none of that name.
        WsproxyError: the file cannot be read.
    """
    known = load()
    if name not in known:
        raise UsageError(
            f"there is no saved filter {name!r}", nearest(name, known) + "`wsproxy filters` lists yours"
        )
    return known[name]


def save(name: str, text: str) -> bool:
    """
    Keep a filter, which must be a good one.

    Returns:
        Whether there was one of that name, which is gone now.

    Raises:
        UsageError: the name cannot be one.
        WsproxyError: the file cannot be read or written.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a filter", "Take letters, digits, - and _, 64 at most"
        )
    import tomlkit

    before = name in load()
    document = tomlkit.parse(_read())
    document[name] = text
    _write(tomlkit.dumps(document))
    return before


def remove(name: str) -> None:
    """
    Forget a filter.

    Raises:
        UsageError: there is none of that name.
        WsproxyError: the file cannot be read or written.
    """
    get(name)
    import tomlkit

    document = tomlkit.parse(_read())
    del document[name]
    _write(tomlkit.dumps(document))


def _read() -> str:
    try:
        return path().read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it is not UTF-8"
        raise WsproxyError(f"cannot read {path()}: {why}", "Correct it, or move it away") from None


def _write(text: str) -> None:
    """Put a new file in the place of the old one, whole or not at all; filters may hold secrets."""
    import tempfile

    try:
        config.private_dir(path().parent)
        # It may be a link to where somebody keeps all settings.
        target = path().resolve()
        # Made for its owner alone (0600).
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".filters-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except UnicodeEncodeError:
        raise UsageError("a filter with bytes that are not UTF-8 cannot be saved") from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise WsproxyError(f"cannot write {path()}: {why}") from None
