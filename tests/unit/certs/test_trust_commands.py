"""Programs of the system: how they are shown, and how they are run."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from wsproxy.certs.trust import command
from wsproxy.certs.trust.command import Command, ask, lacking
from wsproxy.errors import TrustError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX programs")


def test_what_is_shown_is_what_a_shell_would_run(tmp_path: Path) -> None:
    words = (sys.executable, "-c", "import sys; print(sys.argv[1:], sys.stdin.read())", "a b", "$HOME", "'")
    shown = str(Command(words, stdin="a line\n"))

    done = subprocess.run(["sh", "-c", shown], capture_output=True, text=True, check=True)

    assert done.stdout == "['a b', '$HOME', \"'\"] a line\n\n"


def test_nothing_is_a_shells_to_read(tmp_path: Path) -> None:
    file = tmp_path / "$(touch owned); `id`"

    Command(("touch", str(file))).run()

    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_failure_has_the_programs_own_words() -> None:
    with pytest.raises(TrustError) as caught:
        Command(("ls", "/not/there")).run()

    assert caught.value.message.startswith("`ls /not/there` failed: ")
    assert "No such file" in caught.value.message


def test_a_failure_without_words_has_its_exit_code() -> None:
    with pytest.raises(TrustError, match="failed: exit code 1"):
        Command(("false",)).run()


def test_a_missing_program_is_named() -> None:
    with pytest.raises(TrustError, match="frobnicate is not installed"):
        Command(("frobnicate",)).run()
    with pytest.raises(TrustError, match="frobnicate is not installed"):
        ask("frobnicate")
    assert str(lacking("ls", "frobnicate")) == "frobnicate is not installed. Install it"
    assert lacking("ls") is None


def test_what_only_root_may_do_goes_through_sudo_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\necho "$@" > ' + shlex.quote(str(tmp_path / "heard")) + "\n")
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    step = Command(("rm", "-f", "file"), as_root=True)

    monkeypatch.setattr(command, "needs_sudo", lambda: True)
    assert str(step) == "sudo rm -f file"
    step.run()
    assert (tmp_path / "heard").read_text() == "rm -f file\n"

    monkeypatch.setattr(command, "needs_sudo", lambda: False)
    assert str(step) == "rm -f file"


def test_without_sudo_it_is_said_how_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "needs_sudo", lambda: True)
    monkeypatch.setattr(command, "_SBIN", ())
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(TrustError, match=r"sudo is not installed\. Run the same command as root"):
        Command(("true",), as_root=True).run()


def test_a_question_that_fails_has_no_answer() -> None:
    assert ask("false") is None
    assert ask("printf", "x") == "x"
