"""The guide to addons: its examples run, its reference is complete and as the docstrings are."""

import inspect
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.sessions import received, session
from wsproxy import addon
from wsproxy.addon import hooks, reference, testing
from wsproxy.addon.library import shipped
from wsproxy.addon.testing import Harness

ROOT = Path(__file__).parents[2]
README = ROOT / "addons" / "README.md"


def _scripts(page: Path) -> dict[str, str]:
    """Every block of Python by the name in its first line."""
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    found = {}
    for block in blocks:
        name = re.match(r"# (\S+\.py)\n", block)
        assert name, block
        assert name[1] not in found
        found[name[1]] = block
    return found


EXAMPLES = {
    f"{page.name}-{name}": (page, name) for page in (README, reference.PAGE) for name in _scripts(page)
}
ADDONS = [each for each, (_, name) in EXAMPLES.items() if not name.startswith("test_")]
TESTS = [each for each, (_, name) in EXAMPLES.items() if name.startswith("test_")]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes an example and all others of its page into an empty folder, which is the current one."""

    def write(example: str) -> Path:
        page, name = EXAMPLES[example]
        for other, text in _scripts(page).items():
            (tmp_path / other).write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        return tmp_path / name

    return write


@pytest.mark.parametrize("example", ADDONS)
def test_every_example_can_be_loaded_and_takes_all_kinds_of_messages(
    example: str, written: Callable[[str], Path]
) -> None:
    harness = Harness(written(example))
    pair = harness.open("wss://example.com/?token=abc", deflate=True, subprotocols=["a"])
    for content in ('{"price": 3}', "order 66", b"noise", "größe", b"\xff\x00"):
        if pair.is_open:
            pair.client.send(content)
        if pair.is_open:
            pair.server.send(content)
    if pair.is_open:
        pair.client.ping()
    harness.advance(100)
    assert not [told for told in harness.told if "failed" in told or "no hook" in told]


@pytest.mark.parametrize("example", TESTS)
def test_every_test_in_a_document_passes(example: str, written: Callable[[str], Path]) -> None:
    names: dict[str, Any] = {}
    exec(compile(written(example).read_text(encoding="utf-8"), example, "exec"), names)
    tests = [function for name, function in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()


class TestRecipes:
    """What the recipes promise."""

    def pair(self, written: Callable[[str], Path], name: str) -> tuple[Harness, testing.Pair]:
        harness = Harness(written(f"{reference.PAGE.name}-{name}"))
        return harness, harness.open()

    def test_rewrite_a_field(self, written: Callable[[str], Path]) -> None:
        _, pair = self.pair(written, "free.py")
        pair.server.send('{"price": 3, "name": "tea"}', "no json", "[1]")
        assert pair.client.messages == ['{"price":0,"name":"tea"}', "no json", "[1]"]

    def test_drop_heartbeats(self, written: Callable[[str], Path]) -> None:
        _, pair = self.pair(written, "quiet.py")
        pair.client.ping()
        pair.client.send('{"type":"heartbeat"}', "hello")
        assert (pair.server.pings, pair.server.messages) == ([], ["hello"])

    def test_inject_a_message(self, written: Callable[[str], Path]) -> None:
        harness, pair = self.pair(written, "greet.py")
        harness.advance(30)
        assert pair.server.messages == ['{"op":"subscribe"}']
        assert pair.client.messages == ['{"alert":"still here"}']

    def test_simulate_a_bad_network(
        self, written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        harness, pair = self.pair(written, "bad_line.py")
        monkeypatch.setattr("random.random", lambda: 0.5)
        pair.client.send("hello")
        assert pair.server.messages == []
        harness.advance(0.5)
        assert pair.server.messages == ["hello"]
        monkeypatch.setattr("random.random", lambda: 0.001)
        pair.client.send("hello")
        assert pair.client.is_cut

    def test_close_with_a_code(self, written: Callable[[str], Path]) -> None:
        harness, pair = self.pair(written, "expire.py")
        harness.advance(60)
        assert pair.client.closed == (4001, "token expired")


def _commands() -> list[str]:
    """Every `wsproxy dump -s ...` in the documents and in the addons themselves."""
    pages = [README, reference.PAGE, *shipped().values()]
    found = []
    for page in pages:
        found += re.findall(
            r"^(?:    )?(wsproxy dump -s .*)$", page.read_text(encoding="utf-8"), re.MULTILINE
        )
    return found


@pytest.mark.parametrize("command", _commands())
def test_every_command_with_an_addon_works(
    command: str, written: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "session.wsp" in command:
        session(tmp_path / "session.wsp", received("hello"))
        monkeypatch.chdir(tmp_path)
    # In an addon's docstring a backslash is two.
    words = shlex.split(command.replace("\\\\", "\\"), comments=True)[2:]
    options: dict[str, Any] = {}
    name = ""
    for option, value in zip(words[::2], words[1::2], strict=True):
        if option == "-s":
            name = value
        else:
            assert option == "--set"
            key, _, setting = value.partition("=")
            options[key] = [*options[key], setting] if key in options else [setting]
    if name.endswith(".py"):
        name = str(written(f"{reference.PAGE.name}-{name}"))
    harness = Harness(name, **{key: given if len(given) > 1 else given[0] for key, given in options.items()})
    harness.open()
    harness.manager.done()


def test_the_readme_of_the_folder_lists_every_shipped_addon() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\((\w+)\.py\)", README.read_text(encoding="utf-8"), re.MULTILINE)
    there = [path.stem for path in README.parent.glob("*.py")]
    assert sorted(listed) == [(name, name) for name in sorted(there)]
    assert set(shipped()) <= set(there)


class TestReference:
    def test_is_as_the_docstrings_are(self) -> None:
        text = reference.PAGE.read_text(encoding="utf-8")
        assert text == reference.page(text), "run `python -m wsproxy.addon.reference`"

    def test_has_every_hook_with_its_arguments(self) -> None:
        text = reference.reference()
        for name in hooks.HOOKS:
            assert f"`{name}({', '.join(hooks.arguments(name))})`" in text
            assert len(hooks.text(name)) > 30

    def test_has_everything_an_author_can_import(self) -> None:
        for_carriers = {"Facts", "Hooks", "Lifecycle", "Link", "Manager", "Side", "Store", "Type"}
        shown = {kind.__name__ for kind, _ in reference.CLASSES}
        shown |= {each.__name__ for each in (*reference.FUNCTIONS, *reference.EXCEPTIONS)}
        assert set(addon.__all__) - for_carriers <= shown

    def test_has_every_member_with_its_arguments_explained(self) -> None:
        text = reference.reference()
        for kind, called in reference.CLASSES:
            for name, member in reference.members(kind):
                assert f"`{called}.{name}" in text
                function = member.fget if isinstance(member, property) else getattr(member, "func", member)
                doc = inspect.getdoc(function)
                assert doc, f"{kind.__name__}.{name}"
                if "Args:" in doc:
                    for argument in list(inspect.signature(function).parameters)[1:]:
                        assert re.search(rf"\b{argument}: ", doc), f"{kind.__name__}.{name}: {argument}"


def test_every_name_of_the_package_can_be_imported_and_is_listed() -> None:
    for name in addon.__all__:
        assert getattr(addon, name).__name__ in (name, "Literal")
    assert sorted(addon.__all__) == addon.__all__
    assert set(dir(addon)) >= set(addon.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Mesage'"):
        addon.Mesage  # noqa: B018
