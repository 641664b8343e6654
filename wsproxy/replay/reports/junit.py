"""
A comparison as JUnit XML, which every CI system shows: a suite a pair of connections, a case a direction.
"""

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from wsproxy.replay.diff import Compared, Difference, Outcome, Part, Total
from wsproxy.replay.reports import words

_MOST = 100
"""Differences told of one direction; the suite says how many there are."""
_WIDTH = 200


class JUnit:
    """
    Makes the document, part by part.

    Args:
        left, right: the names of the two captures.
    """

    def __init__(self, left: str, right: str) -> None:
        self._name = words.plain(f"{left} and {right}")
        self._told: dict[bool, list[str]] = {True: [], False: []}

    def start(self) -> str:
        """The beginning of the document."""
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name={_attribute(self._name)}>\n'

    def part(self, part: Part) -> str:
        """What the document says of one part; nothing until a pair is done."""
        if isinstance(part, Compared):
            self._told = {True: [], False: []}
            return ""
        if isinstance(part, Difference):
            told = self._told[part.from_client]
            if len(told) < _MOST:
                told.append("\n".join(_lines(part)))
            return ""
        return self._suite(part)

    def end(self, total: Total) -> str:
        """The end of the document."""
        return f"<!-- {words.sentence(total)} -->\n</testsuites>\n"

    def _suite(self, outcome: Outcome) -> str:
        compared = outcome.compared
        name = words.named(compared)
        cases: list[tuple[str, str]] = []
        if compared.left is None or compared.right is None:
            cases.append(
                ("connection", "only in the " + ("right" if compared.left is None else "left") + " one")
            )
        else:
            facts = [f"{fact.path}: {' -> '.join(words.both(fact, _WIDTH))}" for fact in outcome.facts]
            cases.append(("handshake and end", "\n".join(facts)))
            for from_client, counts in outcome.counts.items():
                told = self._told[from_client]
                text = "\n".join(told)
                if counts.different > len(told):
                    text += f"\n... and {counts.different - len(told):,} more"
                way = "client to server" if from_client else "server to client"
                cases.append((f"{way}, {counts.same + counts.different:,} messages", text))
        failures = sum(bool(text) for _, text in cases)
        lines = [f'<testsuite name={_attribute(name)} tests="{len(cases)}" failures="{failures}" errors="0">']
        for case, text in cases:
            opening = f"  <testcase classname={_attribute(name)} name={_attribute(case)}"
            if text:
                first = text.partition("\n")[0]
                lines.append(
                    f"{opening}><failure message={_attribute(first)}>{escape(text)}</failure></testcase>"
                )
            else:
                lines.append(f"{opening}/>")
        return "\n".join([*lines, "</testsuite>\n"])


def _lines(difference: Difference) -> Iterator[str]:
    one = difference.left or difference.right
    assert one is not None
    yield f"{words.place(difference)} {difference.kind}: {words.said(one, _WIDTH)}"
    for change in difference.changes.told:
        left, right = words.both(change, _WIDTH)
        yield f"  {words.shown_path(change.path)}: {left} -> {right}"
    if difference.changes.more:
        yield f"  ... and {difference.changes.more:,} more places"


def _attribute(text: str) -> str:
    return quoteattr(text)
