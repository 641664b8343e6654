"""The switches of Chromium and its relatives."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.stand_in import UNTIL_CLOSED, arguments_of, stand_in, switch
from wsproxy.browsers import chromium


def test_everything_goes_through_the_proxy_loopback_included() -> None:
    arguments = chromium.switches(Path("/profile"), "127.0.0.1:8081", [], headless=False)

    assert switch(arguments, "proxy-server") == "http://127.0.0.1:8081"
    assert switch(arguments, "proxy-bypass-list") == "<-loopback>"
    assert "--disable-quic" in arguments


def test_only_the_pinned_keys_are_accepted_without_an_authority() -> None:
    none = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=False)
    two = chromium.switches(Path("/profile"), "127.0.0.1:8080", ["one=", "two="], headless=False)

    assert not [argument for argument in none if "ignore-certificate-errors" in argument]
    assert switch(two, "ignore-certificate-errors-spki-list") == "one=,two="
    assert "--ignore-certificate-errors" not in two
    assert switch(two, "user-data-dir") == "/profile"


def test_a_window_is_the_default() -> None:
    shown = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=False)
    hidden = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=True)

    assert set(hidden) - set(shown) == {"--headless=new"}


@pytest.mark.parametrize(("user", "unsandboxed"), [(0, True), (1000, False)])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux refuses the sandbox to root")
def test_the_sandbox_is_given_up_for_root_alone(
    monkeypatch: pytest.MonkeyPatch, user: int, unsandboxed: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)

    arguments = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=False)

    assert ("--no-sandbox" in arguments) is unsandboxed


# What it leaves outside of its profile

MEETING = """
profile = pathlib.Path(next(a for a in arguments if 'user-data-dir' in a).partition('=')[2])
place = pathlib.Path(tempfile.mkdtemp(prefix='org.chromium.Chromium.'))
(place / 'SingletonSocket').touch()
(place / 'SingletonCookie').symlink_to('4711')
(profile / 'SingletonSocket').symlink_to(place / 'SingletonSocket')
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in browsers are POSIX programs")
@pytest.mark.parametrize("used", [False, True], ids=["ours", "somebody else's"])
def test_the_folder_of_its_socket_goes_with_it_if_nothing_else_is_there(
    tmp_path: Path, scratch: Path, pipe: Path, used: bool
) -> None:
    other = "(place / 'other').touch()" if used else ""
    tell = f"pathlib.Path({str(pipe)!r}).write_text(json.dumps([str(place)]))"
    program = stand_in(tmp_path, f"import tempfile\n{MEETING}\n{other}\n{tell}\n{UNTIL_CLOSED}")

    with chromium.launch(program, profile=tmp_path / "kept"):
        [place] = map(Path, arguments_of(pipe))

    assert place.exists() is used


def test_reports_of_crashes_stay_in_the_profile_and_sockets_have_short_names(
    tmp_path: Path, scratch: Path, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["BREAKPAD_DUMP_LOCATION", "TMPDIR"]
    tell = f"[os.environ[name] for name in {names}]"
    program = stand_in(tmp_path, f"pathlib.Path({str(pipe)!r}).write_text(json.dumps({tell}))")
    long, short = tmp_path / ("long" * 20), tempfile.mkdtemp(prefix="s", dir="/tmp")
    long.mkdir()
    try:
        for folder, seen in ((str(long), "/tmp"), (short, short)):
            monkeypatch.setenv("TMPDIR", folder)
            monkeypatch.setattr(tempfile, "tempdir", None)
            with chromium.launch(program) as running:
                reports, temporary = arguments_of(pipe)
            assert Path(reports).parent == running.profile
            assert temporary == seen
    finally:
        os.rmdir(short)
