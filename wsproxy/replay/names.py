"""The names in a capture that a certificate can be for."""

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from wsproxy.store.reader import Reader

_MOST = 200
"""Names in a certificate; more than any capture needs, and less than clients refuse."""
_NAME = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9-]{1,63}")


def hosts(reader: Reader, *more: str) -> list[str]:
    """This machine, `more`, and the hosts of the connections in a capture; those that can be certified."""
    names = dict.fromkeys(["localhost", "127.0.0.1", "::1"])
    for name in (*more, *_recorded(reader)):
        if _is_fit(name) and len(names) < _MOST:
            names[name] = None
    return list(names)


def _recorded(reader: Reader) -> Iterator[str]:
    for (url,) in reader.db.execute("SELECT DISTINCT url FROM connection"):
        try:
            name = urlsplit(url).hostname
        except ValueError:
            continue
        if name:
            yield name


def _is_fit(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _NAME.fullmatch(name) is not None
    return True
