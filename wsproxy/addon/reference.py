"""
The reference in the page `wsproxy help addons`, made from the docstrings.

    python -m wsproxy.addon.reference      writes the end of wsproxy/docs/addons.md
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wsproxy import addon
from wsproxy.addon import hooks, testing

PAGE = Path(__file__).resolve().parents[1] / "docs" / "addons.md"

BEGIN = "## Reference\n"
"""Where it begins in the page; what is before it is written by hand."""

CLASSES: tuple[tuple[type, str], ...] = (
    (addon.Message, "message"),
    (addon.Frame, "frame"),
    (addon.Packet, "packet"),
    (addon.Connection, "connection"),
    (addon.Request, "request"),
    (addon.Response, "response"),
    (addon.Headers, "headers"),
    (addon.Timer, "timer"),
    (addon.Options, "options"),
    (testing.Harness, "harness"),
    (testing.Pair, "pair"),
    (testing.Side, "side"),
)
"""What authors meet, each with the name it goes by."""

FUNCTIONS: tuple[Callable[..., Any], ...] = (addon.parse_filter, addon.parse_regex, addon.split_rule)

EXCEPTIONS: tuple[type[Exception], ...] = (addon.TooLate, addon.OptionError, addon.AddonError)

_HIDDEN = {
    addon.Options: {"check"},
    addon.Headers: {"freeze", "restore"},
    testing.Harness: {"spawn", "settle"},
    testing.Pair: {"inject", "cut", "later", "spawn", "tell", "carry", "ended"},
}
"""What other parts of the program call, and authors do not."""

_WIDTH = 108
_WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns):$", re.MULTILINE)


def reference() -> str:
    """The reference, in Markdown."""
    return "".join(_lines())


def page(text: str) -> str:
    """The whole page, with what stands in it by hand."""
    return text.partition(BEGIN)[0] + reference()


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """What authors may use of a class, in order."""
    for name, member in vars(kind).items():
        is_method = isinstance(member, property) or callable(member) or hasattr(member, "func")
        if is_method and not name.startswith("_") and name not in _HIDDEN.get(kind, ()):
            yield name, member


def _lines() -> Iterator[str]:
    yield BEGIN
    yield from _prose("Made from the docstrings. `from wsproxy import addon` has all of it, with types.")
    yield "\n### Hooks\n"
    yield from _prose(hooks.Hooks.__doc__)
    for name in hooks.HOOKS:
        yield f"\n#### `{name}({', '.join(hooks.arguments(name))})`\n"
        yield from _prose(hooks.text(name))
    for kind, called in CLASSES:
        yield from _class(kind, called)
    yield "\n### Functions\n\n"
    for function in FUNCTIONS:
        yield from _member(f"addon.{function.__name__}", function, method=False)
    yield "\n### Exceptions\n\n"
    for error in EXCEPTIONS:
        yield _bullet(f"`addon.{error.__name__}` ({error.__bases__[0].__name__}): {_flat(error.__doc__)}")


def _class(kind: type, called: str) -> Iterator[str]:
    is_testing = kind.__name__ in testing.__all__
    yield f"\n### {kind.__name__}{f' (`{testing.__name__}`)' if is_testing else ''}\n"
    yield from _prose(kind.__doc__)
    yield "\n"
    sections = dict(_parts(kind.__doc__)[1])
    if kind is testing.Harness:
        yield _bullet(f"`{kind.__name__}{_signature(kind.__init__)}`")
        yield from (_bullet(entry, 4) for entry in sections["Args"])
    for entry in sections.get("Attributes", []):
        names, colon, text = entry.partition(":")
        yield _bullet(", ".join(f"`{called}.{name}`" for name in names.strip("`").split(", ")) + colon + text)
    for name, member in members(kind):
        yield from _member(f"{called}.{name}", member)


def _member(name: str, member: Any, method: bool = True) -> Iterator[str]:
    getter = member.fget if isinstance(member, property) else getattr(member, "func", None)
    shown = name if getter else f"{name}{_signature(member, method)}"
    text, sections = _parts((getter or member).__doc__)
    yield _bullet(f"`{shown}`: {' '.join(text)}")
    words = {"Raises": "raises ", "Returns": "returns "}
    for title, entries in sections:
        yield from (_bullet(words.get(title, "") + entry, 4) for entry in entries)


def _bullet(text: str, indent: int = 0) -> str:
    lead = " " * indent
    return (
        textwrap.fill(text, _WIDTH, initial_indent=f"{lead}- ", subsequent_indent=f"{lead}  ", **_WHOLE)
        + "\n"
    )


def _prose(doc: str | None) -> Iterator[str]:
    for paragraph in _parts(doc)[0]:
        yield "\n" + textwrap.fill(paragraph, _WIDTH, **_WHOLE) + "\n"


def _signature(function: Callable[..., Any], method: bool = True) -> str:
    """Names and defaults, without types."""
    signature = inspect.signature(function)
    given = list(signature.parameters.values())[1 if method else 0 :]
    plain = [parameter.replace(annotation=parameter.empty) for parameter in given]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


def _parts(doc: str | None) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Paragraphs of a docstring, and its sections with their entries, each in one line."""
    pieces = _SECTION.split(inspect.cleandoc(doc or ""))
    paragraphs = [_flat(part) for part in pieces[0].split("\n\n") if part.strip()]
    sections = []
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        # An entry begins at the section's own indentation; what is indented more goes on with it.
        entries = [
            _flat(entry) for entry in re.split(r"\n    (?=\S)", "\n" + body.strip("\n")) if entry.strip()
        ]
        sections.append((title, [_marked(entry) if title != "Returns" else entry for entry in entries]))
    return paragraphs, sections


def _marked(entry: str) -> str:
    names, colon, text = entry.partition(":")
    return f"`{names}`{colon}{text}"


def _flat(text: str | None) -> str:
    return " ".join((text or "").split())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE)
