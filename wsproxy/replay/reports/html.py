"""
A comparison as one HTML page that needs nothing else: no script, no font, no network.

What came from the network is made printable and then escaped; the page's own policy forbids it to load or
run anything.
"""

from html import escape

from wsproxy.replay.diff import Compared, Counts, Difference, Outcome, Part, Total
from wsproxy.replay.reports import words

_MOST = 2000
"""Differences shown of one direction of a connection; the table says how many there are."""
_WIDTH = 400

_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
:root {{ color-scheme: light dark; --left: #c0392b; --right: #1e8449; --line: #8884; }}
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 70rem;
  display: flex; flex-direction: column; }}
.summary {{ order: -1; }} h1 {{ font-size: 1.3rem; }} h2 {{ font-size: 1.05rem; margin: 1.6rem 0 .3rem; }}
code, td, pre {{ font: 13px/1.45 ui-monospace, monospace; }} code {{ overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; width: 100%; }} td, th {{ text-align: left; vertical-align: top;
  padding: .15rem .6rem .15rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }}
del {{ color: var(--left); text-decoration: none; }} ins {{ color: var(--right); text-decoration: none; }}
del::before {{ content: "\\2212 "; }} ins::before {{ content: "+ "; }}
.verdict {{ font-weight: 600; }} .same {{ color: var(--right); }} .different {{ color: var(--left); }}
.dim {{ opacity: .65; }}
</style></head><body>
"""


class Html:
    """
    Makes the page, part by part.

    Args:
        left, right: the names of the two captures.
    """

    def __init__(self, left: str, right: str) -> None:
        self._left, self._right = words.plain(left), words.plain(right)
        self._shown: dict[bool, int] = {}
        self._is_open = False

    def start(self) -> str:
        """The beginning of the page."""
        return _HEAD.format(title=escape(f"{self._left} and {self._right}"))

    def part(self, part: Part) -> str:
        """What the page shows of one part."""
        if isinstance(part, Compared):
            self._shown = {True: 0, False: 0}
            self._is_open = False
            return f"<section><h2>{escape(words.named(part))}</h2>\n"
        if isinstance(part, Difference):
            self._shown[part.from_client] += 1
            if self._shown[part.from_client] > _MOST:
                return ""
            return self._opened() + _row(part)
        return self._outcome(part)

    def end(self, total: Total) -> str:
        """The end of the page; the style sheet puts the summary first."""
        verdict = "same" if total.is_same else "different"
        return (
            f'<header class="summary"><h1>{escape(self._left)} and {escape(self._right)}</h1>'
            f'<p><span class="verdict {verdict}">{verdict}</span>: {escape(words.sentence(total))}.</p>'
            f"<p><del>{escape(self._left)}</del><br><ins>{escape(self._right)}</ins></p></header>\n"
            "</body></html>\n"
        )

    def _opened(self) -> str:
        if self._is_open:
            return ""
        self._is_open = True
        return "<table>\n"

    def _outcome(self, outcome: Outcome) -> str:
        text = ""
        for fact in outcome.facts:
            left, right = words.both(fact, _WIDTH)
            text += (
                f"{self._opened()}<tr><td></td><td>{escape(fact.path)}</td>"
                f"<td><del>{escape(left)}</del><br><ins>{escape(right)}</ins></td></tr>\n"
            )
        if self._is_open:
            text += "</table>\n"
        compared = outcome.compared
        if compared.left is None or compared.right is None:
            where = self._right if compared.left is None else self._left
            return f'{text}<p class="different">Only in {escape(where)}.</p></section>\n'
        ways = ", ".join(_counted(way, counts) for way, counts in outcome.counts.items())
        hidden = sum(max(count - _MOST, 0) for count in self._shown.values())
        more = f" {hidden:,} differences are not shown." if hidden else ""
        return f'{text}<p class="dim">{escape(ways)}.{more}</p></section>\n'


def _counted(from_client: bool, counts: Counts) -> str:
    arrow = "→" if from_client else "←"
    parts = [f"{counts.same:,} the same"]
    for number, what in ((counts.changed, "changed"), (counts.missing, "missing"), (counts.extra, "extra")):
        if number:
            parts.append(f"{number:,} {what}")
    return f"{arrow} {', '.join(parts)}"


def _row(difference: Difference) -> str:
    arrow = "→" if difference.from_client else "←"
    one = difference.left or difference.right
    assert one is not None
    about = escape(words.said(one, _WIDTH))
    if difference.left is None:
        about = f"<ins>{about}</ins>"
    elif difference.right is None:
        about = f"<del>{about}</del>"
    rows = f"<tr><td>{arrow} {words.place(difference)}</td><td>{difference.kind}</td><td>{about}</td></tr>\n"
    for change in difference.changes.told:
        left, right = words.both(change, _WIDTH)
        rows += (
            f"<tr><td></td><td><code>{escape(words.shown_path(change.path))}</code></td>"
            f"<td><del>{escape(left)}</del><br><ins>{escape(right)}</ins></td></tr>\n"
        )
    if difference.changes.more:
        rows += (
            f'<tr><td></td><td></td><td class="dim">and {difference.changes.more:,} more places</td></tr>\n'
        )
    return rows
