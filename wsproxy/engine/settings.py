"""
Our own options among mitmproxy's, for `--set`.
"""

from typing import Any

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.utils import human

from wsproxy.store.limits import MIB, Limits

_SIZES = {
    "frame_limit": ("frame", "Payload kept of one frame; the rest is relayed and counted."),
    "message_limit": ("message", "Inflated content kept of one compressed message."),
    "body_limit": ("body", "Body kept of the answer to a refused upgrade."),
    "queue_limit": ("queue", "What may wait between proxy and disk before senders are slowed down."),
}


class Settings:
    """The addon that declares them."""

    def load(self, loader: Loader) -> None:
        defaults = Limits()
        for name, (field, text) in _SIZES.items():
            size = f"{getattr(defaults, field) // MIB}m"
            loader.add_option(name, str, size, f"{text} In bytes, or with k, m or g behind the number.")
        loader.add_option(
            "fast_path",
            bool,
            True,
            "Relay WebSockets from socket to socket where possible, past mitmproxy's layers.",
        )

    def configure(self, updated: set[str]) -> None:
        for name in _SIZES:
            if name in updated:
                _size(name)


def limits() -> Limits:
    """The limits as set."""
    chosen: dict[str, Any] = {field: _size(name) for name, (field, _) in _SIZES.items()}
    return Limits(**chosen)


def _size(name: str) -> int:
    value = getattr(ctx.options, name)
    try:
        size = human.parse_size(value)
    except ValueError:
        size = None
    if not size or size < 0:
        raise exceptions.OptionsError(f"{name} is a size such as 500k or 64m, not {value!r}")
    return size
