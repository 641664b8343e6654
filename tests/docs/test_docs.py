"""
What the documents say exists.
"""

import re
import shlex
from pathlib import Path

import click
import pytest

from wsproxy.cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "wsproxy" / "docs").glob("*.md")),
    ROOT / "addons" / "README.md",
    *sorted((ROOT / "certs").glob("*.md")),
]


def _calls(text: str) -> list[str]:
    """Every `wsproxy COMMAND ...` in code, up to a pipe or comment."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^(?:    |\S+/)(wsproxy .*)$", text, re.MULTILINE)
    found = []
    for line in code:
        line = line.replace("\\|", "|")
        if match := re.match(r"(?:\S*/)?wsproxy (\w[^|#]*)", line):
            found.append(match[1].strip())
    return found


def _command(words: list[str]) -> tuple[click.Command, list[str]]:
    context = click.Context(main)
    command: click.Command = main
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        if found is None:
            break
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_in_a_document_exists(page: Path) -> None:
    for call in _calls(page.read_text(encoding="utf-8")):
        words = shlex.split(call)
        if words[0].isupper():
            continue
        command, rest = _command(words)
        assert command is not main, f"{page.name}: wsproxy {call}"
        options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
        for word in rest:
            if re.match(r"--?[a-zA-Z]", word):
                assert word.partition("=")[0] in {*options, "--help"}, f"{page.name}: wsproxy {call}"


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"wsproxy {name}" in text, name


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_setting_of_our_own_is_documented() -> None:
    from tests.support import inprocess  # noqa: F401 - imports mitmproxy without its warnings
    from wsproxy.engine.settings import OWN

    text = (ROOT / "wsproxy" / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    for name in OWN:
        assert name in text, name


def test_the_shipped_folders_are_found_from_a_checkout() -> None:
    from wsproxy.config import shared_dir

    for name in ("addons", "certs"):
        assert (shared_dir(name) / "README.md").is_file()
