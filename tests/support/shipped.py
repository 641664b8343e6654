"""The shipped addons, without a proxy."""

from typing import Any

from wsproxy.addon.testing import Harness, Pair


def opened(name: str, deflate: bool = False, **options: Any) -> tuple[Harness, Pair]:
    harness = Harness(name, **options)
    return harness, harness.open("wss://example.com/chat?token=s3cret&room=1", deflate=deflate)
