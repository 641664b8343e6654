"""Nobody is left to clear up: the browser ends all the same, and nothing stays."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.stand_in import UNTIL_CLOSED, stand_in
from wsproxy import throwaway
from wsproxy.browsers import chromium, leavings
from wsproxy.store.processes import is_alive

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in browsers are POSIX programs")

OWNER = """
import pathlib, sys
from wsproxy.browsers.session import Browser
program, profile, *made = sys.argv[1:]
kept = pathlib.Path(profile) if profile else None
browser = Browser(lambda profile: [program], made=[pathlib.Path(m) for m in made], kept=kept)
print(browser.pid, browser._guardian._process.pid, flush=True)
browser.wait()
"""


class Owner:
    """A process with a browser."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout
        self.browser, self.guardian = map(int, process.stdout.readline().split())

    def kill(self) -> None:
        """Without giving it a chance to clear up."""
        self._process.kill()
        self._process.wait()


@contextmanager
def owner(program: Path, profile: Path | None = None, *made: Path) -> Iterator[Owner]:
    words = [str(program), str(profile or ""), *map(str, made)]
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, *words], stdout=subprocess.PIPE, text=True
    ) as process:
        found = Owner(process)
        try:
            yield found
        finally:
            process.kill()
            for pid in (found.browser, found.guardian):
                if is_alive(pid):
                    os.kill(pid, signal.SIGKILL)


def until_gone(*paths: Path) -> None:
    deadline = time.monotonic() + 30
    while any(path.exists() for path in paths):
        assert time.monotonic() < deadline, f"still there: {paths}"
        time.sleep(0.02)


def test_a_browser_ends_with_its_owner_and_leaves_nothing(tmp_path: Path, scratch: Path, pipe: Path) -> None:
    # A grandchild that does not listen, and a folder in the user's home.
    home = tmp_path / "person"
    program = stand_in(
        tmp_path,
        f"held = open({str(pipe)!r}, 'w')\n"
        f"pathlib.Path({str(home)!r}, 'Downloads').mkdir(parents=True)\n"
        "subprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP; sleep 1000'], pass_fds=[held.fileno()])\n"
        f"held.write('up'); held.flush(); {UNTIL_CLOSED}",
    )
    with owner(program, None, home, home / "Downloads") as there, pipe.open() as held:
        assert held.read(2) == "up"
        [profile] = scratch.iterdir()
        there.kill()
        # The end of the file: the last process that held the pipe is gone.
        assert held.read() == ""
        until_gone(profile, home)


def test_a_profile_that_is_kept_can_be_saved_and_stays(tmp_path: Path, scratch: Path, pipe: Path) -> None:
    kept = tmp_path / "kept"
    program = stand_in(
        tmp_path,
        f"held = open({str(pipe)!r}, 'w')\n"
        "def save(*_):\n"
        f"    pathlib.Path({str(kept)!r}, 'Cookies').write_text('saved'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, save)\n"
        f"held.write('up'); held.flush()\nwhile True: {UNTIL_CLOSED}",
    )
    with owner(program, kept) as there, pipe.open() as held:
        assert held.read(2) == "up"
        there.kill()
        assert held.read() == ""
    assert (kept / "Cookies").read_text() == "saved"


def test_where_the_guardian_is_killed_too_the_next_browser_clears_up(
    tmp_path: Path, scratch: Path, pipe: Path
) -> None:
    home = tmp_path / "person"
    program = stand_in(tmp_path, f"open({str(pipe)!r}, 'w').write('up'); {UNTIL_CLOSED}")
    socket = scratch / "org.chromium.x" / "SingletonSocket"
    with owner(program, None, home) as there:
        assert pipe.read_text() == "up"
        [profile] = scratch.iterdir()
        home.mkdir()
        socket.parent.mkdir()
        socket.touch()
        (profile / "SingletonSocket").symlink_to(socket)
        os.kill(there.guardian, signal.SIGKILL)
        there.kill()

        leavings.sweep(None)
        assert profile.exists(), "somebody may be looking at that browser"

        os.kill(there.browser, signal.SIGKILL)
        while is_alive(there.browser):
            time.sleep(0.02)
        with chromium.launch(stand_in(tmp_path, "", "other")) as running:
            assert list(scratch.iterdir()) == [running.profile]
    assert not home.exists()
    assert list(throwaway.abandoned(leavings.PREFIX)) == []
