"""
The desk: where messages in the edit state come by, and who decides about them.

Addons come first, in the order they were loaded, then rules in the order they were made; a rule
that holds puts a message on the desk until a person has decided. As long as there is neither an
addon that wants messages nor a rule, no connection is in the edit state and nothing comes by.

Held messages do not wait for ever: after `hold_seconds` a message goes on as it stands, and the
record says so.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from wsproxy.engine.conversation import Conversation
from wsproxy.engine.participants import Participants
from wsproxy.engine.rules import Action, Rule, rule
from wsproxy.filters.subject import LiveMessage
from wsproxy.wire.frames import Opcode
from wsproxy.wire.transit import Transit

if TYPE_CHECKING:
    from wsproxy.decoders.decoded import Decoded

HAND = "hand"
"""Who decides where a person does, for the record."""


@dataclass(slots=True)
class Held:
    """A message that waits for a person."""

    id: int
    conversation: Conversation
    transit: Transit
    rule: Rule
    since: int
    """Ns since the epoch."""


class Desk:
    """
    Args:
        participants: the addons.
        hold_seconds: how long a message may be held; looked up for every one.

    Attributes:
        rules: by id, in the order they were made.
        held: by id, in the order they came.
        on_change: called when somebody wants messages who did not before, or the other way round.
        on_event: called with what happens, for those who watch (`wsproxy.engine.control_server`).
    """

    def __init__(self, participants: Participants, hold_seconds: Callable[[], float]) -> None:
        self.participants = participants
        self.rules: dict[int, Rule] = {}
        self.held: dict[int, Held] = {}
        self.on_change: Callable[[], None] = lambda: None
        self.on_event: Callable[[str, dict[str, Any]], None] = lambda kind, facts: None
        self._hold_seconds = hold_seconds
        self._rule_ids = itertools.count(1)
        self._held_ids = itertools.count(1)
        self._decodes = False
        """Some rule asks what messages mean."""
        participants.on_change = lambda: self.on_change()

    # Connections.

    @property
    def wants_messages(self) -> bool:
        """Somebody may want to change something."""
        return self.participants.wants_messages or any(rule.enabled for rule in self.rules.values())

    def opened(self, conversation: Conversation) -> None:
        """A WebSocket is open."""
        self.settle(conversation)
        self.participants.opened(conversation)
        record = conversation.record
        self.on_event("open", {"connection": record.id, "url": record.url, "client": record.client})

    def settle(self, conversation: Conversation) -> None:
        """Offer its messages, or offer them no more."""
        offer = partial(self._offer, conversation) if self.wants_messages else None
        conversation.edit(offer, self.participants.wants_privacy)

    def closed(self, conversation: Conversation) -> None:
        """A WebSocket is over."""
        for held in [held for held in self.held.values() if held.conversation is conversation]:
            self._leaves(held, "dropped")
        self.participants.closed(conversation)
        closure = conversation.closure
        facts = closure and {
            "by": closure.by,
            "code": closure.code,
            "reason": closure.reason,
            "clean": closure.clean,
            "how": closure.how,
        }
        self.on_event("close", {"connection": conversation.id, **(facts or {})})

    # Rules.

    def add_rule(self, action: str, filter: str, argument: str = "") -> Rule:
        """
        Make a rule; it is in force from the next message on, on open connections too.

        Raises:
            UsageError: it makes no sense.
        """
        made = rule(next(self._rule_ids), action, filter, argument)
        self.rules[made.id] = made
        self.on_event("rule", {"rule": made.id, "change": "added"})
        self._rules_changed()
        return made

    def remove_rule(self, number: int) -> Rule | None:
        """Remove a rule. What it holds is let go. None if there is no such rule."""
        gone = self.rules.pop(number, None)
        if gone:
            self.on_event("rule", {"rule": number, "change": "removed"})
            self._let_go_of(gone)
            self._rules_changed()
        return gone

    def enable_rule(self, number: int, enabled: bool) -> Rule | None:
        """Switch a rule on or off, and let go what it holds. None if there is no such rule."""
        found = self.rules.get(number)
        if found:
            found.enabled = enabled
            self.on_event("rule", {"rule": number, "change": "on" if enabled else "off"})
            if not enabled:
                self._let_go_of(found)
            self._rules_changed()
        return found

    def _rules_changed(self) -> None:
        self._decodes = any(
            rule.enabled and rule.matcher is not None and rule.matcher.wants_decoded
            for rule in self.rules.values()
        )
        self.on_change()

    def _let_go_of(self, gone: Rule) -> None:
        for held in [held for held in self.held.values() if held.rule is gone]:
            self.release(held.id)

    # What is held.

    def release(self, number: int) -> Held | None:
        """Let a held message go on as it stands. None if there is no such message."""
        held = self.held.get(number)
        if held:
            self._leaves(held, "released")
            held.transit.release(held.rule.by)
        return held

    def drop(self, number: int) -> Held | None:
        """Do not send a held message on. None if there is no such message."""
        held = self.held.get(number)
        if held:
            held.transit.drop(HAND)
            self._leaves(held, "dropped")
            held.transit.release(held.rule.by)
        return held

    def edit(self, number: int, content: bytes, opcode: int | None = None, keep: bool = False) -> Held | None:
        """
        Replace the content of a held message, and let it go.

        Args:
            number: its id on the desk.
            content: the new one.
            opcode: 1 or 2 to change the type.
            keep: it stays held.

        Returns:
            None if there is no such message.
        """
        held = self.held.get(number)
        if held:
            held.transit.replace(content, HAND, opcode)
            self._tell_of(held, "edited")
            if not keep:
                self.release(number)
        return held

    # Messages.

    def _offer(self, conversation: Conversation, transit: Transit) -> None:
        self.participants.offer(conversation, transit, partial(self._apply_rules, conversation, transit))

    def _apply_rules(self, conversation: Conversation, transit: Transit) -> None:
        decoded: Decoded | None = None
        if self._decodes and transit.opcode < Opcode.CLOSE:
            decoded = conversation.meanings.of(transit)
        for applied in list(self.rules.values()):
            if transit.is_dropped:
                return
            if applied.enabled and applied.matches(
                LiveMessage.of(conversation.record, transit, lambda: decoded)
            ):
                applied.hits += 1
                if applied.action is Action.HOLD:
                    self._hold(conversation, transit, applied)
                else:
                    applied.apply(conversation, transit)

    def _hold(self, conversation: Conversation, transit: Transit, by: Rule) -> None:
        if any(held.transit is transit for held in self.held.values()) or not transit.hold(by.by):
            return
        held = Held(next(self._held_ids), conversation, transit, by, time.time_ns())
        self.held[held.id] = held
        transit.on_gone = partial(self._gone, held)
        seconds = self._hold_seconds()
        conversation.later(seconds, partial(self._too_long, held, seconds))
        self._tell_of(held, "held")

    def _gone(self, held: Held) -> None:
        """It went without a person: over a limit it was sent, with its connection it was lost."""
        if held.id in self.held:
            self._leaves(held, "dropped" if held.conversation.closure else "released")

    def _leaves(self, held: Held, how: str) -> None:
        del self.held[held.id]
        self._tell_of(held, how)

    def _tell_of(self, held: Held, what: str) -> None:
        facts = {
            "held": held.id,
            "connection": held.conversation.id,
            "direction": "send" if held.transit.from_client else "receive",
            "note": held.transit.note,
        }
        self.on_event(what, facts)

    def _too_long(self, held: Held, seconds: float) -> None:
        if held.id in self.held:
            held.transit.note = f"held for more than {seconds:g} s"
            self._leaves(held, "released")
            held.conversation.tell(f"held message {held.id} was let go: {held.transit.note}")
            held.transit.hold("limit")
            held.transit.release(held.rule.by)
            held.transit.release("limit")
