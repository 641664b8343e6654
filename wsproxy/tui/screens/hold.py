"""Hold: messages that wait for a person, who waits for them, and what is to be held."""

import time
from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import DataTable, Static

from wsproxy.control.messages import HeldInfo, RuleInfo
from wsproxy.decoders.text import printable
from wsproxy.errors import MissingError, UsageError
from wsproxy.filters.parser import parse
from wsproxy.tui import suggest
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.screens.dialogs import Question
from wsproxy.tui.screens.editor_screen import EditorScreen
from wsproxy.tui.widgets.payload import PayloadEditor
from wsproxy.tui.widgets.table import Cell, Table
from wsproxy.tui.work import work
from wsproxy.words import RECEIVED, SENT, duration, file_size

register(
    Action("release", "r", "Release", "Let the held message go as it stands", "hold"),
    Action("edit", "e", "Edit", "Go to the editor of the held message", "hold"),
    Action(
        "send_edited",
        "ctrl+s",
        "Release edited",
        "Let the message go as it is in the editor",
        "hold",
        priority=True,
    ),
    Action("drop", "d", "Drop", "Never send the held message", "hold"),
    Action("release_all", "R", "Release all", "Let every held message go", "hold", footer=False),
    Action("drop_all", "D", "Drop all", "Send none of the held messages", "hold", footer=False),
    Action("add_rule", "a", "Hold more", "Hold messages that a filter matches, from now on", "hold"),
    Action(
        "remove_rule", "x", "Hold no more", "Remove a rule; what it holds is let go", "hold", footer=False
    ),
    Action("switch_rule", "space", "On or off", "Switch a rule on or off", "hold", footer=False),
    Action(
        "toggle_hex", "ctrl+t", "Text/hex", "Edit as text or as bytes", "hold", footer=False, priority=True
    ),
    Action(
        "from_file",
        "ctrl+o",
        "From a file",
        "Take the new content from a file",
        "hold",
        footer=False,
        priority=True,
    ),
    Action(
        "leave_editor",
        "escape",
        "Back",
        "From the editor back to the list; what was typed is given up",
        "hold",
        footer=False,
        palette=False,
    ),
)

_WIDE = 120


class HoldScreen(EditorScreen):
    """Held messages, an editor for the one under the cursor, and the rules that hold."""

    WHERE = "hold"
    BINDINGS = bindings("hold")
    AUTO_FOCUS = "#held"
    HEARS = frozenset({"held", "edited", "released", "dropped", "rule", "close"})
    DEFAULT_CSS = """
    HoldScreen {
        #work { height: 1fr; layout: vertical; }
        #held { height: 1fr; min-height: 4; }
        #message { height: 1fr; border-top: solid $primary; }
        #message > #facts { height: auto; max-height: 2; padding: 0 1; color: $text-muted; }
        #rules { height: auto; max-height: 7; min-height: 3; border-top: solid $primary; }
        &.-wide #work { layout: horizontal; }
        &.-wide #message { width: 42%; border-top: none; border-left: solid $primary; }
        &:ansi #message, &:ansi #rules { border-top: solid ansi_blue; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[int, HeldInfo] = {}
        self._rules: dict[int, RuleInfo] = {}
        self._editing: int | None = None
        """The message that is in the editor."""
        self._orphaned = False
        """It is not held any more, and what was typed is still there."""
        self._looked = False

    def compose_engine(self) -> ComposeResult:
        """The list, the editor beside or below it, and the rules."""
        with Container(id="work"):
            yield Table(
                ">ID", ">HELD", "CONN", "", "TYPE", ">SIZE", "KEPT WAITING", "CONTENT",
                empty="No message is held. Press a to hold messages that a filter matches.", id="held",
            )  # fmt: skip
            with Vertical(id="message"):
                yield Static("", id="facts", markup=False)
                yield PayloadEditor(id="editor")
        yield Table(">RULE", "", ">HITS", ">HELD", "HOLDS", empty="Nothing is to be held.", id="rules")

    def on_resize(self) -> None:
        """Textual's."""
        self.set_class(self.size.width >= _WIDE, "-wide")

    @property
    def held(self) -> Table:
        """The list of messages."""
        return self.query_one("#held", Table)

    @property
    def rules(self) -> Table:
        """The list of rules."""
        return self.query_one("#rules", Table)

    async def look(self) -> None:
        """Show what is held now, and by what."""
        found = await self.ask(lambda client: (list(client.held()), client.rules()), quietly=True)
        if found is None:
            return
        held, rules = found
        self._held = {message["id"]: message for message in held}
        self._rules = {rule["id"]: rule for rule in rules if rule["action"] == "hold"}
        self.held.fill([(message["id"], _held_cells(message)) for message in held])
        self.rules.fill([(number, _rule_cells(rule)) for number, rule in self._rules.items()])
        first = not self._looked
        self._looked = True
        if self._editing is not None and self._editing not in self._held and not self._orphaned:
            self._gone()
        if self._editing is None or first:
            self._show_selected()

    def _gone(self) -> None:
        """What was being edited is not held any more; what was typed stays, for it may be wanted."""
        if not self.editor.changed:
            self._empty()
            return
        self._orphaned = True
        said = f"Message {self._editing} is not held any more; what you made of it was not sent."
        self.query_one("#facts", Static).update(said)
        self.notify(said, severity="warning")

    def _empty(self) -> None:
        self._editing, self._orphaned = None, False
        self.query_one("#facts", Static).update("")
        self.editor.load(b"", True)

    # The message.

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Another message is under the cursor."""
        event.stop()
        if event.data_table is self.held:
            self._show_selected()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter: edit it."""
        event.stop()
        if event.data_table is self.held:
            self.action_edit()

    def _show_selected(self) -> None:
        number = self.held.key
        if number is None or number == self._editing or number not in self._held:
            return
        if self._editing is not None and self.editor.changed:
            # Nothing that was typed is lost because a cursor moved.
            return
        self._editing, self._orphaned = number, False
        work(self, "load", self._load, number)

    async def _load(self, number: int) -> None:
        content = await self.ask(lambda client: client.held_content(number), quietly=True)
        message = self._held.get(number)
        if content is None or message is None or self._editing != number:
            return
        self.query_one("#facts", Static).update(_facts(message))
        self.editor.load(content, message["type"] == "text")

    # What a person does.

    def action_edit(self) -> None:
        """Go to the editor."""
        if self.held.key is not None:
            self.set_focus(self.editor.area)

    def action_leave_editor(self) -> None:
        """Go back to the list; what was typed is given up."""
        self.set_focus(self.held)
        if self._editing is not None and self.editor.changed:
            self._empty()
            self._show_selected()

    async def action_send_edited(self) -> None:
        """Let it go as it is in the editor."""
        number = self._editing
        if number is None or number not in self._held:
            self.notify("No message is being edited.", severity="warning")
            return
        try:
            content = self.editor.content()
        except UsageError as error:
            self.app.complain(error)
            return

        done = await self.ask(lambda client: client.edit(number, content))
        if done is None:
            return
        self._empty()
        self.set_focus(self.held)
        self.notify(f"Message {number} was changed ({done['length']:,} B) and {_left(done['gone'], 'sent')}.")
        self.refresh_soon()

    async def action_release(self) -> None:
        """Let it go."""
        await self._let_go("release", self._chosen())

    async def action_drop(self) -> None:
        """Do not send it."""
        await self._let_go("drop", self._chosen())

    async def action_release_all(self) -> None:
        """Let all go."""
        await self._let_go("release", list(self._held))

    async def action_drop_all(self) -> None:
        """Send none."""
        await self._let_go("drop", list(self._held))

    def _chosen(self) -> list[int]:
        number = self.held.key
        return [] if number is None else [number]

    async def _let_go(self, how: str, numbers: Iterable[int]) -> None:
        wanted = list(numbers)
        if not wanted:
            self.notify("No message is held.", severity="warning")
            return
        told = await self.ask(
            lambda client: client.release(wanted) if how == "release" else client.drop(wanted)
        )
        if told is None:
            return
        past = "sent" if how == "release" else "dropped"
        if self._editing in wanted:
            self._empty()
        if len(wanted) == 1 and told["done"]:
            self.notify(f"Message {wanted[0]} was {_left(told['done'][0]['gone'], past)}.")
        elif told["done"]:
            self.notify(f"{len(told['done']):,} messages were let go, to be {past}.")
        for missing in told["missing"][:3]:
            self.app.complain(MissingError(f"message {missing} is not held any more"))
        self.refresh_soon()

    # Rules.

    async def action_add_rule(self) -> None:
        """Ask for a filter, and hold what it matches."""
        shown = await self.selected()
        suggested = suggest.like(shown) if shown else ""

        async def add(text: str | None) -> None:
            if text is None:
                return
            made = await self.ask(lambda client: client.add_rule("hold", text))
            if made:
                self.notify(f"Holding {made['filter'] or 'every message'}.", markup=False)
                self.refresh_soon()

        self.app.push_screen(
            Question(
                "Hold messages that match",
                "A filter, as ~fromclient & ~b hello; empty for every message.",
                suggested,
                _wrong,
            ),
            add,
        )

    async def action_remove_rule(self) -> None:
        """Remove the rule under the cursor."""
        number = self.rules.key
        if number is None:
            return
        removed = await self.ask(lambda client: client.remove_rule(number))
        if removed:
            self.refresh_soon()

    async def action_switch_rule(self) -> None:
        """Switch it."""
        number = self.rules.key
        if number is None:
            return
        enabled = not self._rules[number]["enabled"]
        if await self.ask(lambda client: client.enable_rule(number, enabled)):
            self.refresh_soon()


def _wrong(text: str) -> str:
    try:
        if text.strip():
            parse(text)
    except UsageError as error:
        return str(error)
    return ""


def _left(gone: bool, past: str) -> str:
    return past if gone else f"let go; it is {past} after those before it"


def _held_cells(message: HeldInfo) -> list[Cell]:
    sent = message["direction"] == "send"
    waiting = "the server" if sent else "the client"
    if message["waiting_messages"]:
        waiting += f", {message['waiting_messages']:,} more ({file_size(message['waiting_bytes'])})"
    changed = "(changed) " if message["changed"] else ""
    return [
        (str(message["id"]), ""),
        (duration(int(message["age"] * 1e9)), "yellow"),
        (f"#{message['connection']}", ""),
        (SENT if sent else RECEIVED, "green" if sent else "blue"),
        (message["type"], ""),
        (f"{message['length']:,} B", ""),
        (waiting, "yellow" if message["waiting_messages"] else ""),
        (changed + message["preview"], ""),
    ]


def _rule_cells(rule: RuleInfo) -> list[Cell]:
    return [
        (str(rule["id"]), ""),
        ("on", "green") if rule["enabled"] else ("off", "dim"),
        (f"{rule['hits']:,}", ""),
        (str(rule["held"]), "yellow" if rule["held"] else ""),
        (rule["filter"] or "every message", ""),
    ]


def _facts(message: HeldInfo) -> str:
    side, other = ("client", "server") if message["direction"] == "send" else ("server", "client")
    since = time.strftime("%H:%M:%S", time.localtime(time.time() - message["age"]))
    return printable(
        f"{message['type']} from the {side} for the {other} of #{message['connection']} {message['url']}, "
        f"held since {since} by rule {message['rule']}",
        400,
    )
