"""Rules and addons: what changes messages on their way, what went wrong in it, and the options of it all."""

from textual.app import ComposeResult
from textual.widgets import DataTable, TabbedContent, TabPane

from wsproxy.control.messages import AddonInfo, OptionInfo, OptionValue, RuleInfo
from wsproxy.errors import UsageError
from wsproxy.filters.parser import parse
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.screens.dialogs import Choice, Choose, Question
from wsproxy.tui.screens.engine_screen import EngineScreen
from wsproxy.tui.widgets.bars import StatusLine
from wsproxy.tui.widgets.table import Cell, Table
from wsproxy.tui.widgets.tabs import Tabs
from wsproxy.words import count

register(
    Action(
        "add", "a", "Add a rule", "Make a rule: hold, drop, rewrite, delay or close what matches", "rules"
    ),
    Action("switch", "space", "On or off", "Switch the rule under the cursor on or off", "rules"),
    Action("remove", "x", "Remove", "Remove the rule under the cursor; what it holds is let go", "rules"),
    Action("change", "e", "Change", "Change the option under the cursor", "rules"),
    Action(
        "all_options",
        "m",
        "All options",
        "Show mitmproxy's options too, or wsproxy's only",
        "rules",
        footer=False,
    ),
)

_ACTIONS = (
    Choice("Hold", "hold", "until somebody lets it go"),
    Choice("Drop", "drop", "never send it on"),
    Choice("Rewrite", "rewrite", "replace in it"),
    Choice("Delay", "delay", "send it later"),
    Choice("Close", "close", "close the connection"),
)
_ARGUMENTS = {
    "rewrite": ("What to replace, by what", "/REGEX/REPLACEMENT, as /tea/coffee/"),
    "delay": ("Delay", "Seconds, as 0.5"),
    "close": ("Close", "A status code, as 4001"),
}


class RulesScreen(EngineScreen):
    """Three lists."""

    WHERE = "rules"
    BINDINGS = bindings("rules")
    AUTO_FOCUS = "#rule-list"
    HEARS = frozenset({"rule", "option", "told"})
    EVERY = 2.0
    DEFAULT_CSS = """
    RulesScreen TabbedContent, RulesScreen ContentSwitcher, RulesScreen TabPane { height: 1fr; padding: 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._rules: dict[int, RuleInfo] = {}
        self._options: list[OptionInfo] = []
        self._all = False

    def compose_engine(self) -> ComposeResult:
        """Rules, addons, options."""
        with Tabs():
            with TabPane("Rules", id="rules"):
                yield Table(
                    ">RULE", "", ">HITS", ">HELD", "DOES", "TO", "WITH",
                    empty="There is no rule. Press a to make one.", id="rule-list",
                )  # fmt: skip
            with TabPane("Addons", id="addons"):
                yield Table(
                    "ADDON", ">ERRORS", "HEARS OF", "FILE",
                    empty="No addon is loaded. `wsproxy -s NAME` loads one, `wsproxy addons` lists them.",
                    id="addon-list",
                )  # fmt: skip
            with TabPane("Options", id="options"):
                yield Table("OPTION", "VALUE", "DEFAULT", "MEANING", id="option-list")
        yield StatusLine(id="status")

    @property
    def rules(self) -> Table:
        """The list of rules."""
        return self.query_one("#rule-list", Table)

    @property
    def options(self) -> Table:
        """The list of options."""
        return self.query_one("#option-list", Table)

    async def look(self) -> None:
        """Ask for all three."""
        found = await self.ask(
            lambda client: (client.rules(), client.addons()["addons"], client.options()), quietly=True
        )
        if found is None:
            return
        rules, addons, options = found
        self._rules = {rule["id"]: rule for rule in rules}
        self._options = [option for option in options if self._all or option["own"]]
        self.rules.fill([(rule["id"], _rule(rule)) for rule in rules])
        addon_list = self.query_one("#addon-list", Table)
        addon_list.fill([(number, _addon(addon)) for number, addon in enumerate(addons)])
        self.options.fill([(number, _option(option)) for number, option in enumerate(self._options)])
        wrong = sum(addon["errors"] for addon in addons)
        changed = sum(option["value"] != option["default"] for option in self._options)
        self.query_one("#status", StatusLine).say(
            f"{sum(rule['enabled'] for rule in rules)} of {count(len(rules), 'rule')} on",
            count(len(addons), "addon"),
            (f"{count(wrong, 'error')} in addons", "bold red") if wrong else "",
            f"{count(changed, 'option')} changed",
        )

    def on_tabbed_content_tab_activated(self, event: TabbedContent.TabActivated) -> None:
        """Go to the list of the tab."""
        event.stop()
        pane = event.tabbed_content.active_pane
        for table in pane.query(Table) if pane else ():
            self.set_focus(table)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter: change an option."""
        event.stop()
        if event.data_table is self.options:
            self.action_change()

    # Rules.

    def action_add(self) -> None:
        """Ask what, to which, and with what."""
        self.app.push_screen(Choose("Make a rule", _ACTIONS, then=self._which))

    def _which(self, action: str) -> Question:
        def asked(wanted: str) -> Question | None:
            if action in _ARGUMENTS:
                return Question(
                    *_ARGUMENTS[action], then=lambda argument: self._make(action, wanted, argument)
                )
            self._make(action, wanted, "")
            return None

        return Question("Which messages", "A filter; empty for every message.", check=_wrong, then=asked)

    def _make(self, action: str, wanted: str, argument: str) -> None:
        async def make() -> None:
            if await self.ask(lambda client: client.add_rule(action, wanted, argument)):
                self.refresh_soon()

        # Whoever makes two at once wants both.
        self.run_worker(make(), group="rule")

    async def action_switch(self) -> None:
        """On or off."""
        number = self.rules.key
        if number is None:
            return
        enabled = not self._rules[number]["enabled"]
        if await self.ask(lambda client: client.enable_rule(number, enabled)):
            self.refresh_soon()

    async def action_remove(self) -> None:
        """Remove it."""
        number = self.rules.key
        if number is None:
            return
        removed = await self.ask(lambda client: client.remove_rule(number))
        if removed:
            self.refresh_soon()

    # Options.

    def action_all_options(self) -> None:
        """All, or our own."""
        self._all = not self._all
        self.refresh_soon()

    def action_change(self) -> None:
        """Ask for another value."""
        key = self.options.key
        if key is None or self.query_one(TabbedContent).active != "options":
            return
        option = self._options[key]
        name = option["name"]
        if not option["live"]:
            self.notify(f"{name} cannot be changed while the proxy runs.", severity="warning")
            return

        async def change(value: str | None) -> None:
            if value is None:
                return
            many = option["type"].startswith("sequence")
            told = [part.strip() for part in value.split(";") if part.strip()] if many else value
            if await self.ask(lambda client: client.set_option(name, told)):
                self.refresh_soon()

        choices = ["true", "false"] if option["type"] == "bool" else option["choices"]
        if choices:
            self.app.push_screen(
                Choose(name, [Choice(choice, choice) for choice in choices], option["help"]), change
            )
        else:
            self.app.push_screen(Question(name, option["help"], _typed(option["value"])), change)


def _wrong(text: str) -> str:
    try:
        if text.strip():
            parse(text)
    except UsageError as error:
        return str(error)
    return ""


def _rule(rule: RuleInfo) -> list[Cell]:
    return [
        (str(rule["id"]), ""),
        ("on", "green") if rule["enabled"] else ("off", "dim"),
        (f"{rule['hits']:,}", ""),
        (str(rule["held"]), "yellow" if rule["held"] else ""),
        (rule["action"], "bold"),
        (rule["filter"] or "every message", ""),
        (rule["argument"], ""),
    ]


def _addon(addon: AddonInfo) -> list[Cell]:
    return [
        (addon["name"], "bold"),
        (f"{addon['errors']:,}", "bold red" if addon["errors"] else "dim"),
        (", ".join(addon["hooks"]), ""),
        (addon["path"] or "", "dim"),
    ]


def _option(option: OptionInfo) -> list[Cell]:
    changed = option["value"] != option["default"]
    return [
        (option["name"], "bold" if option["live"] else ""),
        (_typed(option["value"]), "yellow" if changed else ""),
        (_typed(option["default"]), "dim"),
        (option["help"], "dim"),
    ]


def _typed(value: OptionValue) -> str:
    """A value as it would be typed; several with semicolons between."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "; ".join(value)
    return "" if value is None else str(value)
