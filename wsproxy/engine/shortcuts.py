"""
Small things mitmproxy and pyOpenSSL do many times for each connection, with the same results for less.

Nothing here decides anything. `install()` is called by the seam, which has checked before that the
originals are as they were when these were written; what it looks for is `REPLACED`.
"""

import copy
import functools
from collections.abc import Callable
from typing import Any

from mitmproxy import http, optmanager
from mitmproxy.proxy.context import Context
from OpenSSL import crypto

REPLACED: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (
        Context,
        "__init__",
        (
            "self.client = client",
            "self.options = options",
            "self.server = connection.Server(",
            "self.layers = []",
        ),
    ),
    (
        Context,
        "fork",
        (
            "ret = Context(self.client, self.options)",
            "ret.server = self.server",
            "ret.layers = self.layers.copy()",
            "return ret",
        ),
    ),
    (
        optmanager._Option,
        "current",
        (
            "if self.value is unset:",
            "v = self.default",
            "v = self.value",
            "return copy.deepcopy(v)",
        ),
    ),
    (optmanager._Option, "__init__", ("self._default = default",)),
    (crypto.X509, "from_cryptography", ("return load_certificate(FILETYPE_ASN1, der)",)),
    (crypto.PKey, "from_cryptography_key", ("if not isinstance(",)),
)
"""The originals and their lines."""

if __debug__:  # As mitmproxy has it: with -O there is no such check.
    REPLACED += (
        (
            http.MessageData,
            "__post_init__",
            ("for field in fields(self):", "typecheck.check_option_type(field.name, val, field.type)"),
        ),
    )

_KEPT = 256
"""Certificates and keys kept in OpenSSL's own form: those of the hosts in use."""

_IMMUTABLE = (str, int, bool, float, bytes, type(None))


def install() -> None:
    """Put the shortcuts in place; once."""
    Context.fork = _fork  # type: ignore[method-assign]
    optmanager._Option.current = _current  # type: ignore[method-assign]
    if __debug__:
        http.MessageData.__post_init__ = _checked(http.MessageData.__post_init__)  # type: ignore[method-assign]
    for owner, name in ((crypto.X509, "from_cryptography"), (crypto.PKey, "from_cryptography_key")):
        # Through DER and back, for each connection; nobody changes what comes out of it.
        setattr(owner, name, staticmethod(functools.lru_cache(_KEPT)(getattr(owner, name))))


def _fork(self: Context) -> Context:
    # The original makes a server with some twenty attributes and an id first, and throws it away.
    ret = Context.__new__(Context)
    ret.client = self.client
    ret.options = self.options
    ret.server = self.server
    ret.layers = self.layers.copy()
    return ret


def _current(self: Any) -> Any:
    # Every look at an option copies its value deeply, twice if it is the default.
    value = self._default if self.value is optmanager.unset else self.value
    return value if isinstance(value, _IMMUTABLE) else copy.deepcopy(value)


def _checked(original: Callable[[Any], None]) -> Callable[[Any], None]:
    """
    In place of `MessageData.__post_init__`, which looks at the type of every field of every message.

    A message whose values are of the very types that an earlier, correct one had is correct as well.
    """
    known: set[tuple[type, ...]] = set()

    def __post_init__(self: Any) -> None:
        types = (type(self), *map(type, vars(self).values()))
        if types not in known:
            original(self)
            known.add(types)

    return __post_init__
