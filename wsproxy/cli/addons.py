"""`wsproxy addons`: the addons that come with the program, and the options of any."""

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from wsproxy.cli.output import json_option
from wsproxy.errors import AddonError

if TYPE_CHECKING:
    from wsproxy.addon.options import Option
    from wsproxy.addon.script import Script


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from wsproxy.addon import library

    names = [name for name in library.shipped() if name.startswith(incomplete)]
    return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


@click.command()
@click.argument("addon", required=False, shell_complete=_complete)
@click.option("--source", is_flag=True, help="Print its file, to begin one of your own with.")
@json_option("Print one JSON object per addon.")
def addons(addon: str | None, source: bool, as_json: bool) -> None:
    """
    List the shipped addons and their options, or explain ADDON, a name or the path of a script.

    An addon is loaded with `-s`, its options are set with `--set`; `wsproxy help addons` tells how to
    write one.

    \b
    Examples:
      wsproxy addons
      wsproxy addons delay
      wsproxy addons rewrite --source > mine.py
      wsproxy addons --json | jq -r .name
    """
    from wsproxy.addon import library
    from wsproxy.cli import output

    if source:
        if addon is None:
            raise click.UsageError("--source needs the name of an addon")
        output.emit(library.find(addon).read_text(encoding="utf-8"))
        return
    scripts = [_described(name) for name in ([addon] if addon else library.shipped())]
    if as_json:
        output.emit("".join(_json(script) for script in scripts))
    elif addon:
        output.emit(_page(scripts[0], output.line_width()))
    else:
        output.emit("\n".join(_entry(script, output.line_width()) for script in scripts))
        output.say("`wsproxy addons NAME` explains one, with an example.")


def _described(what: str) -> "Script":
    """A script that has declared its options and done nothing else."""
    from wsproxy.addon.library import find
    from wsproxy.addon.options import Options, Values
    from wsproxy.addon.owner import RAISED
    from wsproxy.addon.script import Script, load_error

    path = find(what)
    script = Script.read(path, path.stem, Options(Values()), lambda sentence: None)
    try:
        for hook in script.hooks.get("load", ()):
            hook(script.options)
    except AddonError:
        raise
    except RAISED as error:
        raise load_error(script.name, script.file, error) from error
    finally:
        script.forget()
    return script


def _json(script: "Script") -> str:
    from wsproxy.store.jsontext import dumps

    options = [
        {
            "name": option.name,
            "type": option.type_name,
            "default": option.default,
            "choices": list(option.choices),
            "help": option.help,
        }
        for option in script.options.declared.values()
    ]
    facts: dict[str, Any] = {
        "name": script.name,
        "path": str(script.path),
        "summary": script.summary,
        "hooks": list(script.hooks),
        "options": options,
    }
    return dumps(facts) + "\n"


def _entry(script: "Script", width: int) -> str:
    from wsproxy.decoders.text import printable

    lines = [f"{script.name:<14} {printable(script.summary)}"]
    if script.options.declared:
        lines.append(_wrapped(", ".join(script.options.declared), width, 15))
    return "\n".join(lines) + "\n"


def _page(script: "Script", width: int) -> str:
    import inspect

    from wsproxy.decoders.text import printable

    lines = [printable(line) for line in (inspect.getdoc(script.module) or "").splitlines()]
    if script.options.declared:
        lines += ["", "Options (--set NAME=VALUE; a list: once for each):"]
    for option in script.options.declared.values():
        lines.append(f"  {option.name}  {_kind(option)}")
        lines.append(_wrapped(option.help, width, 6))
        if option.default not in ([], None, ""):
            values = option.default if isinstance(option.default, list) else [option.default]
            lines.append(_wrapped("default: " + "  ".join(map(_value, values)), width, 6))
    lines += ["", f"File: {printable(str(script.path))}"]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, width: int, indent: int) -> str:
    from wsproxy.decoders.text import printable

    return click.wrap_text(printable(text), width, " " * indent, " " * indent)


def _kind(option: "Option") -> str:
    return "|".join(option.choices) or option.type_name


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
