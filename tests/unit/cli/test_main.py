"""The root command: what it costs to ask it something, and what a failure looks like."""

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from wsproxy import __version__
from wsproxy.cli import output
from wsproxy.cli.main import COMMANDS, Root, main
from wsproxy.errors import EngineError

HEAVY = ("mitmproxy", "textual", "tornado", "sqlite3", "asyncio", "cryptography", "socketio")


def walk(command, path=()):
    """A command and all under it, with the words that call them."""
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            child = command.get_command(ctx, name)
            assert child is not None
            yield from walk(child, (*path, name))


@pytest.fixture(scope="module")
def all_commands():
    return list(walk(main))


@pytest.fixture
def failing(monkeypatch):
    """A root with one command that fails as told."""
    monkeypatch.delenv("WSPROXY_DEBUG", raising=False)

    def run(error, *words):
        @click.group(cls=Root)
        @click.option("-v", "--verbose", is_flag=True, expose_value=False)
        def root():
            pass

        @root.command()
        def fail():
            raise error

        return CliRunner().invoke(root, [*words, "fail"])

    return run


@pytest.mark.parametrize("words", [["--help"], [], ["--version"], ["lgo"], ["completion", "bash"]])
def test_asking_for_help_imports_nothing_heavy(words):
    script = (
        "import sys\n"
        "from wsproxy.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    process = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True)

    assert process.returncode == 0, process.stderr


def test_a_bare_call_shows_the_help(wsproxy):
    assert wsproxy().exit_code == 0
    assert wsproxy().stdout == wsproxy("--help").stdout
    assert [name for name in COMMANDS if f"\n  {name} " in wsproxy().stdout] == list(COMMANDS)


def test_the_version_is_told_with_what_it_runs_on(wsproxy):
    first, second = wsproxy("--version").stdout.splitlines()

    assert first == f"wsproxy {__version__}"
    assert second.startswith("mitmproxy ")


def test_the_list_of_commands_is_true(all_commands):
    top = {path[0]: command for path, command in all_commands if len(path) == 1}

    assert list(top) == list(COMMANDS)
    assert all(command.name == name for name, command in top.items())


def test_every_help_fits_eighty_columns_and_commands_have_examples(all_commands, wsproxy):
    for path, command in all_commands:
        result = wsproxy(*path, "--help")
        assert result.exit_code == 0
        assert max(map(len, result.stdout.splitlines())) <= 80, path
        if path and path[0] in ("log", "info", "captures", "completion", "dump"):
            assert "Examples:" in result.stdout, path
        assert command.help, path


def test_v_is_taken_everywhere(all_commands):
    for path, command in all_commands:
        assert any("-v" in param.opts for param in command.params), path


@pytest.mark.parametrize(("typed", "meant"), [("lgo", "log"), ("capture", "captures"), ("inf", "info")])
def test_a_mistyped_command_gets_a_suggestion(wsproxy, typed, meant):
    result = wsproxy(typed)

    assert result.exit_code == 2
    assert f"wsproxy: error: there is no command '{typed}'" in result.stderr
    assert f"Did you mean `wsproxy {meant}`?" in result.stderr
    assert result.stdout == ""


def test_a_wrong_option_is_a_wrong_call(wsproxy):
    result = wsproxy("log", "--jsno")

    assert result.exit_code == 2
    assert "wsproxy: error: No such option" in result.stderr.replace("'", "")
    assert "log --help` explains" in result.stderr


def test_an_error_is_one_sentence_and_a_hint(failing):
    result = failing(EngineError("cannot listen on port 8080: in use", "Choose another with -p"))

    assert result.exit_code == 3
    assert result.stderr == "wsproxy: error: cannot listen on port 8080: in use\n  Choose another with -p\n"


def test_what_an_error_quotes_cannot_reach_the_terminal(failing):
    assert "\x1b" not in failing(EngineError("bad \x1b[2J host\u202e", "\x1b]0;x\x07")).stderr


def test_something_unexpected_is_named_and_traced_only_on_demand(failing, monkeypatch):
    quiet = failing(ZeroDivisionError("division by zero"))
    assert quiet.exit_code == 3
    assert quiet.stderr == (
        "wsproxy: error: unexpected ZeroDivisionError: division by zero\n"
        "  Run it again with -v to see where\n"
    )

    loud = failing(ZeroDivisionError("division by zero"), "-v")
    assert loud.exit_code == 3
    assert "Traceback (most recent call last)" in loud.stderr
    monkeypatch.setenv("WSPROXY_DEBUG", "1")
    assert "Traceback" in failing(ZeroDivisionError()).stderr


def test_ctrl_c_is_quiet(failing):
    result = failing(KeyboardInterrupt())

    assert result.exit_code == 130
    assert result.stderr.strip() == ""


def test_a_command_that_is_missing_does_not_break_the_others(monkeypatch):
    root = Root("root", lazy={"gone": ("wsproxy.cli.no_such_module:x", "Not there.")})
    result = CliRunner().invoke(root, ["gone"])

    assert result.exit_code == 3
    assert "missing from this installation" in result.stderr
    assert CliRunner().invoke(root, ["--help"]).exit_code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_says_how_to_install_it(wsproxy, shell):
    if shell == "bash" and sys.platform == "win32":
        pytest.skip("needs bash")
    result = wsproxy("completion", shell)

    assert result.exit_code == 0
    assert "# To install: " in result.stdout
    assert "_WSPROXY_COMPLETE" in result.stdout
    assert result.stdout.startswith("#compdef wsproxy\n") is (shell == "zsh")


def test_commands_are_completed_without_importing_them(home):
    process = subprocess.run(
        [sys.executable, "-c", "from wsproxy.cli.main import main; main(prog_name='wsproxy')"],
        env={
            **os.environ,
            "_WSPROXY_COMPLETE": "bash_complete",
            "COMP_WORDS": "wsproxy cap",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
    )

    assert process.stdout.split() == ["plain,captures"]


class Terminal:
    """A stream that says what it is."""

    def __init__(self, terminal):
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def test_colour_obeys_the_terminal_and_no_color(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert output.use_color("auto", Terminal(True))
    assert not output.use_color("auto", Terminal(False))
    assert output.use_color("always", Terminal(False))
    assert not output.use_color("never", Terminal(True))

    monkeypatch.setenv("NO_COLOR", "1")
    assert not output.use_color("auto", Terminal(True))
    assert output.use_color("always", Terminal(True))


def test_lines_fill_the_terminal_or_two_hundred_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "stdout", Terminal(False))
    assert output.line_width() == 200

    monkeypatch.setenv("COLUMNS", "90")
    assert output.line_width() == 90


def test_an_output_without_arrows_gets_plain_ones(tmp_path):
    script = "from wsproxy.cli.output import emit; emit('→ a ← b … ü \\u6f22\\n')"
    process = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONIOENCODING": "latin-1"}, capture_output=True
    )

    assert process.stdout.decode("latin-1").rstrip() == r"> a < b ~ ü \u6f22"
