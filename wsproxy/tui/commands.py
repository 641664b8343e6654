"""The command palette: every action that can be done now, every screen, from the same registry."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.screen import Screen

from wsproxy.tui.actions import Action, actions, key_words, places


class ActionCommands(Provider):
    """What can be done on the screen below the palette."""

    def _commands(self) -> Iterator[tuple[str, Callable[[], object], str]]:
        for action, node in available(self.screen):
            keys = f" ({key_words(action.keys)})" if action.keys else ""
            yield action.label, partial(self.app.run_action, action.name, node), f"{action.help}{keys}"

    async def discover(self) -> Hits:
        """Textual's: before anything is typed."""
        for label, run, text in self._commands():
            yield DiscoveryHit(label, run, help=text)

    async def search(self, query: str) -> Hits:
        """Textual's: what was typed."""
        matcher = self.matcher(query)
        for label, run, text in self._commands():
            score = max(matcher.match(label), matcher.match(f"{label} {text}") * 0.8)
            if score > 0:
                yield Hit(score, matcher.highlight(label), run, help=text)


def available(screen: Screen[Any]) -> Iterator[tuple[Action, DOMNode]]:
    """
    What can be done on a screen, and whose it is.

    Everything a widget of the screen can do counts, whether it has the focus or not: who asks the palette
    does not know where an action lives.
    """
    seen: set[tuple[str, str]] = set()
    nodes: list[DOMNode] = list(screen.focused.ancestors_with_self) if screen.focused else []
    nodes += [screen.app, screen, *screen.query("*").results()]
    for action in actions():
        if not action.palette or (action.where, action.name) in seen:
            continue
        for node in nodes:
            if action.where in places(node) and hasattr(node, action.method):
                seen.add((action.where, action.name))
                yield action, node
                break
