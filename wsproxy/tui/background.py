"""Doing something while the screen goes on."""

from collections.abc import Awaitable, Callable
from functools import partial

from textual.dom import DOMNode


def in_background(
    node: DOMNode, group: str, what: Callable[..., Awaitable[None]], *arguments: object
) -> None:
    """
    Do something in place of what of its group is being done.

    Args:
        node: whose it is; with it, it ends.
        group: one of each is done at a time.
        what: awaited with `arguments`. Its errors are its own business.
    """
    # A function, not a coroutine: one that is given up before it begins leaves nothing behind.
    work: Callable[[], Awaitable[None]] = partial(what, *arguments)
    node.run_worker(work, group=group, exclusive=True, exit_on_error=False)
