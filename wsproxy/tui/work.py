"""Doing something beside what is on the screen."""

from collections.abc import Awaitable, Callable
from functools import partial

from textual.dom import DOMNode


def work(owner: DOMNode, group: str, what: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """
    Do something in the background, in place of what of its group is being done.

    Args:
        owner: it ends with it.
        group: of which only the newest goes on.
        what: a function, not a coroutine: one that is given up before it begins leaves nothing behind.
        arguments: of that.
    """
    owner.run_worker(partial(what, *arguments), group=group, exclusive=True)
