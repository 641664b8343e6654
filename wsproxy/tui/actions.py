"""
What a person can do in the terminal UI: one registry for keys, footer, command palette and help.

A widget, screen or app takes its bindings from here and has a method `action_NAME` for each:

    register(Action("release", "r", "Release", "Let the held message go as it is", where="hold"))

    class HoldList(Widget):
        BINDINGS = bindings("hold")
        def action_release(self) -> None: ...
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType

PLACES: dict[str, str] = {
    "everywhere": "Everywhere",
    "list": "In every list",
    "browse": "Browse",
    "connections": "Connections",
    "frames": "Frames",
    "filter": "Filter bar",
    "inspector": "Inspector",
    "hold": "Hold",
    "compose": "Compose",
    "statistics": "Statistics",
    "rules": "Rules and addons",
    "help": "Help",
    "said": "What the proxy said",
    "dialog": "Dialogs",
}
"""Where actions apply, in the order of help: a word, and the heading."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do."""

    name: str
    """Of the method, `action_NAME`, where it applies; `NAME(ARGUMENT)` if that takes one."""
    keys: str
    """Textual's names, with commas between several; empty where only the palette has it."""
    label: str
    """A word or two, for the footer and the palette."""
    help: str
    """What it does, in a sentence without a full stop."""
    where: str = "everywhere"
    """A key of `PLACES`."""
    footer: bool = True
    """Whether the footer shows it."""
    palette: bool = True
    """Whether the palette has it: moving about is left to keys."""
    priority: bool = False
    """Its keys come before those of what has the focus."""

    @property
    def method(self) -> str:
        """What does it."""
        return f"action_{self.name.partition('(')[0]}"


_ACTIONS: dict[tuple[str, str], Action] = {}


def register(*actions: Action) -> None:
    """
    Make actions known, when the module of their place is imported.

    Raises:
        ValueError: there is no such place, or one of that name is there already.
    """
    for action in actions:
        if action.where not in PLACES:
            raise ValueError(f"there is no place {action.where!r} for actions")
        if _ACTIONS.setdefault((action.where, action.name), action) != action:
            raise ValueError(f"there are two actions {action.name!r} in {action.where!r}")


def actions(where: str | None = None) -> Iterator[Action]:
    """All actions of a place, or of every place, in the order of `PLACES`."""
    for place in PLACES if where is None else (where,):
        for action in _ACTIONS.values():
            if action.where == place:
                yield action


def places(node: object) -> list[str]:
    """The places whose actions somebody has: its own, then those of what it is a kind of."""
    found = [vars(kind).get("WHERE") for kind in type(node).__mro__]
    return [place for place in found if place is not None]


def bindings(where: str) -> list[BindingType]:
    """The keys of a place, as Textual wants them."""
    return [
        Binding(
            action.keys,
            action.name,
            action.label,
            show=action.footer,
            tooltip=action.help,
            priority=action.priority,
            id=f"{action.where}.{action.name}",
        )
        for action in actions(where)
        if action.keys
    ]


def key_shown(binding: Binding, active: Container[str]) -> str:
    """
    The key by which the footer names an action: its first that would not be typed into what has the focus.

    Args:
        binding: one of its, of `bindings`.
        active: the keys that do something now.
    """
    where, _, name = (binding.id or "").partition(".")
    action = _ACTIONS.get((where, name))
    keys = action.keys.split(",") if action else []
    return key_words(next((key for key in keys if key in active), binding.key))


_KEYS = {
    "question_mark": "?", "slash": "/", "equals_sign": "=", "left_square_bracket": "[",
    "right_square_bracket": "]", "semicolon": ";", "full_stop": ".", "comma": ",", "space": "␣",
    "pageup": "PgUp", "pagedown": "PgDn", "up": "↑", "down": "↓", "left": "←", "right": "→",
    "escape": "Esc", "enter": "⏎", "tab": "Tab", "home": "Home", "end": "End",
}  # fmt: skip


def key_words(keys: str) -> str:
    """Keys as people know them: `↑ k`, `^p`, `F1 ?`."""
    words = []
    for key in keys.split(","):
        name = key.removeprefix("ctrl+")
        known = _KEYS.get(
            name, name.upper() if len(name) > 1 and name[0] == "f" and name[1:].isdigit() else name
        )
        words.append(f"^{known}" if name != key else known)
    return " ".join(words)
