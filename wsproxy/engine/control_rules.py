"""Rules in the control API: listed, made, removed, switched on and off."""

from typing import TYPE_CHECKING

from wsproxy.control.messages import RuleInfo
from wsproxy.engine.control_request import ControlRequest
from wsproxy.engine.rules import Action
from wsproxy.errors import MissingError, UsageError

if TYPE_CHECKING:
    from wsproxy.engine.desk import Desk
    from wsproxy.engine.rules import Rule

MOST = 1000
"""Every message is shown to every rule."""


def rule_info(rule: "Rule", desk: "Desk") -> RuleInfo:
    """What is said about a rule."""
    return {
        "id": rule.id,
        "action": str(rule.action),
        "filter": rule.filter,
        "argument": rule.argument,
        "enabled": rule.enabled,
        "hits": rule.hits,
        "held": sum(held.rule is rule for held in desk.held.values()) if rule.action is Action.HOLD else 0,
    }


class Rules(ControlRequest):
    """`/rules`"""

    def get(self) -> None:
        """All of them."""
        desk = self.engine.desk
        self.answer({"rules": [rule_info(rule, desk) for rule in desk.rules.values()]})

    def post(self) -> None:
        """One more."""
        told = self.told(action=str, filter=str, argument=str)
        if "action" not in told:
            raise UsageError("a rule wants an action", f"It is one of {', '.join(Action)}")
        desk = self.engine.desk
        if len(desk.rules) >= MOST:
            raise UsageError(f"there are {MOST:,} rules already", "Remove some")
        self.answer(
            rule_info(desk.add_rule(told["action"], told.get("filter", ""), told.get("argument", "")), desk)
        )


class OneRule(ControlRequest):
    """`/rules/ID`"""

    def patch(self, number: str) -> None:
        """On or off."""
        told = self.told(enabled=bool)
        if "enabled" not in told:
            raise UsageError("nothing was said that could be changed", "There is enabled")
        self._answer(number, self.engine.desk.enable_rule(int(number), told["enabled"]))

    def delete(self, number: str) -> None:
        """One less."""
        self._answer(number, self.engine.desk.remove_rule(int(number)))

    def _answer(self, number: str, rule: "Rule | None") -> None:
        if rule is None:
            raise MissingError(f"there is no rule {number}", "`wsproxy ctl rule list` lists them")
        self.answer(rule_info(rule, self.engine.desk))
