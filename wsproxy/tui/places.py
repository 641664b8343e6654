"""The screens a person can go to: one line each, loaded when they are first shown."""

import importlib
from dataclasses import dataclass

from textual.screen import Screen


@dataclass(frozen=True, slots=True)
class Place:
    """One of them."""

    name: str
    """As in `wsproxy.tui.actions.PLACES`."""
    label: str
    key: str
    """That goes there."""
    help: str
    """What for, in a sentence without a full stop."""
    where: str
    """`module:Class`."""

    def find(self) -> type[Screen[None]]:
        """Its class; whatever it registers is registered then."""
        module, _, name = self.where.partition(":")
        kind: type[Screen[None]] = getattr(importlib.import_module(module), name)
        return kind

    def load(self) -> Screen[None]:
        """Make the screen."""
        return self.find()()


SCREENS: tuple[Place, ...] = (
    Place(
        "browse", "Browse", "1", "See connections and their frames", "wsproxy.tui.screens.browse:BrowseScreen"
    ),
    Place(
        "hold", "Hold", "2", "Hold messages, edit them, let them go", "wsproxy.tui.screens.hold:HoldScreen"
    ),
    Place("compose", "Compose", "3", "Send to server or client", "wsproxy.tui.screens.compose:ComposeScreen"),
    Place(
        "statistics",
        "Statistics",
        "4",
        "See how much, how large, how fast, and what",
        "wsproxy.tui.screens.statistics:StatisticsScreen",
    ),
    Place(
        "rules",
        "Rules",
        "5",
        "See and change rules, addons and options",
        "wsproxy.tui.screens.rules:RulesScreen",
    ),
)
