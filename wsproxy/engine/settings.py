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
    "body_limit": ("body", "Body kept of the answer to a refused upgrade, and in long-polling."),
    "queue_limit": ("queue", "What may wait between proxy and disk before senders are slowed down."),
}

RECORDING = frozenset(_SIZES)
"""Options that are the recorder's from its first frame on."""

OWN = (
    *_SIZES,
    "fast_path",
    "edit_limit",
    "hold_limit",
    "hold_seconds",
    "record",
    "control",
    "onboarding",
    "onboarding_host",
)
"""Options that are not mitmproxy's."""


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
        loader.add_option(
            "edit_limit", str, "16m", "Content up to which a message can be changed or held; as frame_limit."
        )
        loader.add_option(
            "hold_limit",
            str,
            "8m",
            "What may wait behind a held message before that is let go; likewise.",
        )
        loader.add_option(
            "hold_seconds", str, "600", "How long a message may be held before it is let go. In seconds."
        )
        loader.add_option(
            "control", bool, True, "Let `wsproxy ctl` and other programs of yours control this proxy."
        )
        loader.add_option(
            "onboarding",
            bool,
            True,
            "Show how to use and trust this proxy at its own address and onboarding_host.",
        )
        loader.add_option(
            "onboarding_host", str, "wsproxy.local", "The name of that page, for who uses the proxy."
        )
        loader.add_option(
            "record",
            bool,
            True,
            "Record frames. Without, they are relayed all the same; connections and their ends are recorded.",
        )

    def configure(self, updated: set[str]) -> None:
        for name in (*_SIZES, "edit_limit", "hold_limit"):
            if name in updated:
                _size(name)
        if "hold_seconds" in updated:
            hold_seconds()


def limits() -> Limits:
    """The limits as set."""
    chosen: dict[str, Any] = {field: _size(name) for name, (field, _) in _SIZES.items()}
    return Limits(**chosen)


def edit_limits() -> tuple[int, int]:
    """Bytes up to which a message can be edited, and bytes that may be held in one direction."""
    return _size("edit_limit"), _size("hold_limit")


def hold_seconds() -> float:
    """How long a message may be held."""
    value = ctx.options.hold_seconds
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e9:
        raise exceptions.OptionsError(f"hold_seconds is a number of seconds, not {value!r}")
    return seconds


def _size(name: str) -> int:
    value = getattr(ctx.options, name)
    try:
        size = human.parse_size(value)
    except ValueError:
        size = None
    if not size or size < 0:
        raise exceptions.OptionsError(f"{name} is a size such as 500k or 64m, not {value!r}")
    return size
