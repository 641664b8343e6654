"""Operators about what was decided about a message: edited, dropped, injected, held."""

from dataclasses import dataclass
from typing import ClassVar

from wsproxy.filters.nodes import Operator
from wsproxy.filters.sql import Statement
from wsproxy.filters.subject import Subject
from wsproxy.store.records import FrameFlag
from wsproxy.wire.frames import Opcode


@dataclass(frozen=True)
class _Decided(Operator):
    group: ClassVar[str] = "Decision"
    condition: ClassVar[str]
    """On a row of `decision`."""

    def to_sql(self, statement: Statement) -> str:
        where = f"SELECT 1 FROM decision WHERE {self.condition}"
        arrived = f"EXISTS ({where} AND last_frame = frame.id)"
        sent = f"EXISTS ({where} AND last_sent = frame.id)"
        # By the ends of a message there are indexes. The fragments before them are for Python to
        # find, if anything was decided about a fragmented message at all.
        before_the_end = f"frame.flags & {int(FrameFlag.FIN)} = 0 AND frame.opcode < {int(Opcode.CLOSE)}"
        several = f"EXISTS ({where} AND (first_frame < last_frame OR first_sent < last_sent))"
        fragment = f"CASE WHEN {before_the_end} AND {several} THEN NULL ELSE 0 END"
        # In most captures there is nothing of it; that is asked once, not for every frame.
        return f"(EXISTS ({where}) AND ({arrived} OR {sent} OR {fragment}))"


@dataclass(frozen=True)
class _Action(_Decided):
    action: ClassVar[str]

    def match(self, subject: Subject) -> bool:
        return self.action in subject.actions


class Edited(_Action):
    names = ("~edited",)
    help = "the frames of a message that was changed, both those that arrived and those sent instead"
    example = "~edited & ~down"
    action = "edit"
    condition = "action = 'edit'"


class Dropped(_Action):
    names = ("~dropped",)
    help = "arrived and was not sent on"
    example = "~dropped"
    action = "drop"
    condition = "action = 'drop'"


class Injected(_Action):
    names = ("~injected",)
    help = "sent by the proxy of its own accord"
    example = "~injected & ~up"
    action = "inject"
    condition = "action = 'inject'"


class Held(_Decided):
    names = ("~held",)
    help = "was kept waiting, whatever became of it"
    example = "~held & !~edited"
    condition = "held > 0"

    def match(self, subject: Subject) -> bool:
        return subject.held
