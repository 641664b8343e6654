"""A running browser: it sees its own profile alone, and leaves nothing behind, whatever it does."""

import signal
import stat
import sys
from pathlib import Path

import pytest

from tests.support.stand_in import UNTIL_CLOSED, arguments_of, stand_in, switch, telling
from wsproxy.browsers import chromium, session
from wsproxy.browsers.session import Browser
from wsproxy.errors import UsageError, WsproxyError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in browsers are POSIX programs")


def test_a_browser_gets_a_private_profile_that_ends_with_it(
    tmp_path: Path, scratch: Path, pipe: Path
) -> None:
    program = stand_in(
        tmp_path,
        "profile = pathlib.Path(next(a for a in arguments if 'user-data-dir' in a).partition('=')[2])\n"
        "(profile / 'Default').mkdir()\n"
        "(profile / 'Default' / 'Cookies').write_text('secret')\n"
        f"pathlib.Path({str(pipe)!r}).write_text(json.dumps(arguments))\n" + UNTIL_CLOSED,
    )

    with chromium.launch(program, url="https://example.com/") as running:
        arguments = arguments_of(pipe)
        assert running.profile.parent == scratch
        assert stat.S_IMODE(running.profile.stat().st_mode) == 0o700
        assert (running.profile / "Default" / "Cookies").exists()

    assert switch(arguments, "user-data-dir") == str(running.profile)
    assert arguments[-1] == "https://example.com/"
    assert list(scratch.iterdir()) == []


def test_the_first_page_is_empty_unless_one_is_named(tmp_path: Path, scratch: Path, pipe: Path) -> None:
    program = telling(tmp_path, pipe)

    with chromium.launch(program, extra=["--lang=de"]) as running:
        assert arguments_of(pipe)[-2:] == ["--lang=de", "about:blank"]
        assert running.wait() == 0


def test_waiting_gives_the_exit_code(tmp_path: Path, scratch: Path) -> None:
    with chromium.launch(stand_in(tmp_path, "sys.exit(7)")) as running:
        assert running.wait(30) == 7
        assert running.wait() == 7


def test_waiting_can_be_limited(tmp_path: Path, scratch: Path) -> None:
    with (
        chromium.launch(stand_in(tmp_path, UNTIL_CLOSED)) as running,
        pytest.raises(TimeoutError, match="still runs"),
    ):
        running.wait(0.01)


def test_closing_twice_is_closing_once(tmp_path: Path, scratch: Path) -> None:
    running = chromium.launch(stand_in(tmp_path, UNTIL_CLOSED))

    running.close()
    running.close()

    assert list(scratch.iterdir()) == []


def test_processes_of_the_browser_end_with_it(tmp_path: Path, scratch: Path, pipe: Path) -> None:
    program = stand_in(
        tmp_path,
        f"pipe = open({str(pipe)!r}, 'w')\n"
        "subprocess.Popen(['sleep', '1000'], pass_fds=[pipe.fileno()])\n"
        "pipe.write('started')",
    )

    with chromium.launch(program) as running, pipe.open() as writers:
        assert running.wait() == 0
        # The end of the file: the last process that held the pipe is gone.
        assert writers.read() == "started"


def test_a_browser_that_does_not_listen_is_killed(
    tmp_path: Path, scratch: Path, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "GRACE", 0.2)
    program = stand_in(
        tmp_path,
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(pipe)!r}).write_text('[]')\n"
        f"while True: {UNTIL_CLOSED}",
    )

    running = chromium.launch(program)
    arguments_of(pipe)
    running.close()

    assert running.wait() == -signal.SIGKILL
    assert list(scratch.iterdir()) == []


def test_a_talkative_browser_is_neither_stopped_nor_remembered_whole(tmp_path: Path, scratch: Path) -> None:
    program = stand_in(tmp_path, "sys.stderr.write('noise\\n' * 1_000_000 + 'the end')")

    with chromium.launch(program) as running:
        assert running.wait() == 0

    assert running.last_words.endswith("noise\nthe end")
    assert len(running.last_words) <= 8192


def test_output_is_passed_on_when_asked(
    tmp_path: Path, scratch: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = stand_in(tmp_path, "print('data'); print('talk', file=sys.stderr)")

    with chromium.launch(program, show_output=True) as running:
        running.wait()

    assert capfd.readouterr() == ("", "talk\n")


def test_several_browsers_have_a_profile_each(tmp_path: Path, scratch: Path) -> None:
    program = stand_in(tmp_path, UNTIL_CLOSED)

    with chromium.launch(program) as one, chromium.launch(program) as other:
        assert one.profile != other.profile
        assert {one.profile, other.profile} == set(scratch.iterdir())
        one.close()
        assert list(scratch.iterdir()) == [other.profile]


def test_a_profile_with_a_name_is_made_private_and_kept(tmp_path: Path, scratch: Path, pipe: Path) -> None:
    program = telling(tmp_path, pipe)
    kept = tmp_path / "of" / "mine"

    for _ in range(2):
        with chromium.launch(program, profile=kept) as running:
            assert switch(arguments_of(pipe), "user-data-dir") == str(kept)
            running.wait()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o700
        (kept / "Cookies").touch()

    assert (kept / "Cookies").exists()
    assert list(scratch.iterdir()) == []


def test_an_app_has_a_window_without_a_second_page(tmp_path: Path, scratch: Path, pipe: Path) -> None:
    program = telling(tmp_path, pipe)

    with chromium.launch(program, url="https://x.test/chat", app=True):
        arguments = arguments_of(pipe)

    assert arguments[-1] == "--app=https://x.test/chat"
    assert "https://x.test/chat" not in arguments


def test_a_program_that_cannot_be_started_leaves_no_profile(tmp_path: Path, scratch: Path) -> None:
    program = stand_in(tmp_path, "")
    program.chmod(0o644)

    with pytest.raises(WsproxyError, match=r"cannot start .*browser: permission denied.*--browser"):
        chromium.launch(program)
    assert list(scratch.iterdir()) == []


def test_no_place_for_a_profile_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WsproxyError, match="cannot make a profile"):
        Browser(lambda profile: ["true"], parent=tmp_path / "not there")


def test_without_somebody_to_clear_up_no_browser_is_started(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(session, "Guardian", refuse)
    with pytest.raises(WsproxyError, match="cannot start a process"):
        chromium.launch(stand_in(tmp_path, ""))
    assert list(scratch.iterdir()) == []


def test_a_url_is_not_taken_for_a_switch(tmp_path: Path, scratch: Path) -> None:
    with pytest.raises(UsageError, match="is not a URL"):
        chromium.launch(stand_in(tmp_path, ""), url="--disable-web-security")
    assert list(scratch.iterdir()) == []
