"""
The page `wsproxy help filters`, made from the operators.

    python -m wsproxy.filters.reference      writes wsproxy/docs/filters.md
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from wsproxy.filters.operators import OPERATORS
from wsproxy.wire.frames import Anomaly

PAGE = Path(__file__).resolve().parents[1] / "docs" / "filters.md"

_HEAD = """\
# Filters

A filter says which frames you mean. The same language everywhere: `wsproxy log FILE -f FILTER`,
`wsproxy dump -f FILTER`, `wsproxy info FILE -f FILTER`.

```sh
wsproxy log last -f token                            # frames with the word in them
wsproxy log last -f '~up & ~text & ~json op = login'
wsproxy dump -f '!(~ping | ~pong)'
wsproxy info last -f '~d example.com ~t -5m'
```

Syntax and precedence are mitmproxy's:

| | |
|---|---|
| `word`, `"two words"` | `~b`: the content matches this regex |
| `!A` | not A |
| `A & B` | A and B |
| `A \\| B` | A or B; `&` binds more tightly |
| `A B` | A and B; binds least: `a b \\| c` is `a & (b \\| c)` |
| `( )` | together |

Words end at white space and parentheses, so `a|b` is one word (a regex) and `a | b` are two. A word with
white space, parentheses, quotes or `~` goes in quotes, `"..."` or `'...'`, as does one that begins with `!`,
`&` or `|`. In quotes, a backslash before that same quote makes it a plain character; all others belong to
the regex (unlike in mitmproxy, where `"\\d"` is the letter d). Where no regex is meant, `\\\\` is one
backslash.

A REGEX is Python's, matches anywhere, and ignores case; `(?-i:Token)` minds it. It is yours, and some
take forever on some content (`(a+)+$`); Ctrl-C ends that, too.
"""

_TAIL = """
## What a filter looks at

Frames, one by one.

- **Content.** Where a frame ends a message that was fragmented or compressed, `~b`, `~json` and `~size` see
  the whole content, inflated. Any other frame is seen with its own payload: the fragments before the last
  one each by itself, and as they were on the wire, compressed ones too. The first 16 MiB count; what is
  behind them is not found, and JSON that is longer is no JSON to a filter.
- **Text.** Content that is UTF-8 is searched as text, whatever its opcode; anything else as bytes, in
  which `\\xff` is that byte and `é` its two bytes of UTF-8.
- **A changed message** is there twice, as it arrived and as it was sent; both are `~edited`.
- **A frame still arriving** is looked at when it is whole.
- **Connections.** The opening and the end of a connection are told if the filter matches them (operators
  about frames do not, so `!~ping` does), and with the first frame of it that matches. What could not be
  recorded is always told.
- **Long-polling.** A body of Engine.IO's long-polling is looked at as a whole, unpacked, by its direction,
  URL, time, content and meaning; operators about frames and connection numbers do not match it. It is told
  if the filter matches.
- **Messages on their way** (rules, holds, `message.matches` of addons) are asked the same, but for
  `~noreply`, which only a whole capture can tell. What a message means is decoded from the first question on.
- **Following** (`dump -f`, `log --follow`) cannot ask for `~noreply` either: what waits may be answered in a
  moment. `log` tells what waits so far, and the terminal UI keeps its list up to date.
- **Nothing found** is exit code 1 for `log` and `info`.

## JSON

`~json PATH` looks for a path: `user.name`, `items[0].id`, `items[-1]`, `items[*].id`, `*.price`,
`"$['odd key']"`. With a comparison, one of the values there must satisfy it:

| | |
|---|---|
| `~json n = 3` | the number 3, however written (3.0, 30e-1); numbers are exact |
| `~json n = "3"` | the string |
| `~json user = ada` | a string: bare words that are not JSON |
| `~json ok = true` | also `false`, `null` |
| `~json n >= 18` | numbers with numbers, strings with strings (`~json ts > 2026-11-21T`) |
| `~json n != 3` | there is something else, of whatever type |
| `~json user ~ '^a'` | a string that matches a regex; white space or a quote behind `~` |

## Times

`~t -5m` counts back from the last thing in a finished capture, and from now in one that is being written.
A time is as long as it is written: `~t 12:30` is that minute of any day, `~t 2026-11-21` that day,
`~t 12:00..12:30` ends with 12:30:59. Times are local unless they end in `Z` or `+01:00`; a span of times of
day may go past midnight.

## Saved filters

```sh
wsproxy filters save quiet '!(~heartbeat | ~ping | ~pong)'
wsproxy log last -f @quiet
wsproxy filters remove quiet
```

They are in `filters.toml` of the config folder, `NAME = "FILTER"`, and may be edited there.

## Anomalies

Names for `~anomaly NAME`:

"""


def page() -> str:
    """The whole page, in Markdown."""
    return "".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    for group, operators in groupby(OPERATORS, lambda operator: operator.group):
        yield f"\n## {group}\n\n| operator | matches | for example |\n|---|---|---|\n"
        for operator in operators:
            names = ", ".join(f"`{name}`" for name in operator.names)
            argument = f" `{_cell(operator.argument)}`" if operator.argument else ""
            yield f"| {names}{argument} | {operator.help} | `{_cell(operator.example)}` |\n"
    yield _TAIL
    yield from (f"- `{name}`\n" for name in Anomaly(-1).names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
