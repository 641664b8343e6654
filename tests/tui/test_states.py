"""What becomes of a capture while it is being looked at is said, and nothing that is shown is lost."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from tests.support.browsing import browsing
from tests.support.captures import MASK, capture, chat
from tests.support.proxy import running
from wsproxy.control.client import find
from wsproxy.errors import CaptureError
from wsproxy.tui.app import Left
from wsproxy.wire.encode import encode_frame

pytestmark = pytest.mark.usefixtures("home")


async def test_a_capture_that_is_deleted_stays_on_the_screen(tmp_path):
    path = chat(tmp_path / "a.wsp")
    async with browsing(path) as browse:
        path.unlink()
        await browse.shown("(deleted)")
        # Where its lines break depends on how long the path is.
        await browse.until(lambda: any("was deleted" in said.message for said in browse.app._notifications))
        await browse.go(2)
        # Beside what is said about it.
        await browse.shown("grüß")
        assert "there is no file" not in browse.text


async def test_a_capture_that_is_replaced_is_said_to_be(tmp_path):
    path = chat(tmp_path / "a.wsp")
    other = chat(tmp_path / "b.wsp")
    async with browsing(path) as browse:
        os.replace(other, path)
        await browse.shown("There is another file", "(replaced)")
        assert browse.frames.count == 7


@pytest.mark.parametrize("width", [80, 72])
async def test_what_became_of_a_capture_is_seen_however_long_its_name_is(tmp_path, width):
    path = chat(tmp_path / f"{'name' * 20}.wsp")
    async with browsing(path, size=(width, 24)) as browse:
        await browse.shown("5 Rules", "(finished)")
        path.unlink()
        await browse.shown("(deleted)")


async def test_the_end_of_a_recording_is_said(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        c.send(c.open(), encode_frame(1, b"hello", mask=MASK))
        async with browsing(c.path) as browse:
            await browse.shown("hello", "● a.wsp")
            c.stop()
            await browse.shown("The proxy has stopped", "(finished)")


async def test_a_proxy_that_is_killed_is_said_to_be_and_its_frames_stay(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from tests.support.captures import capture, MASK\n"
        "from wsproxy.wire.encode import encode_frame\n"
        "with capture(Path(sys.argv[1])) as c:\n"
        "    c.send(c.open(), encode_frame(1, b'hello', mask=MASK))\n"
        "    time.sleep(0.3); print('written', flush=True); time.sleep(60)\n"
    )
    path = tmp_path / "a.wsp"
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        async with browsing(path) as browse:
            await browse.shown("hello")
            writer.kill()
            writer.wait()
            await browse.shown("The proxy is gone", "(interrupted)", "hello")


async def test_a_damaged_capture_is_named_and_the_app_goes_on(tmp_path):
    path = chat(tmp_path / "a.wsp")
    async with browsing(path) as browse:

        def fail(reader):
            raise CaptureError(f"cannot read {path}: database disk image is malformed")

        with pytest.raises(CaptureError):
            await browse.app.capture.ask(fail)
        await browse.go(2)


async def test_leaving_a_capture_asks_nothing(tmp_path):
    async with browsing(chat(tmp_path / "a.wsp")) as browse:
        await browse.press("q")
    assert browse.app.return_value == Left(False)


async def test_leaving_a_proxy_asks_whether_to_stop_it(tmp_path, home):
    async with running(tmp_path, env={"WSPROXY_HOME": str(home)}) as proxy:
        run = find()
        async with browsing(proxy.capture, run=run, owner=True) as browse:
            await browse.shown(f"127.0.0.1:{proxy.port} → capture.wsp")
            await browse.press("q")
            await browse.shown("Stop the proxy", "Leave it running")
            await browse.press("escape")
            assert browse.app.is_running
            await browse.press("q", "enter")
        assert browse.app.return_value == Left(True)
        async with browsing(proxy.capture, run=run) as browse:
            # Who only watches is not about to stop it by mistake.
            await browse.press("q", "enter")
        assert browse.app.return_value == Left(False)
        assert proxy.process.returncode is None
        proxy.process.send_signal(signal.SIGINT)


def test_a_capture_that_cannot_be_read_is_said_before_the_screen_changes(tmp_path, home):
    path = tmp_path / "a.wsp"
    shutil.copy(__file__, path)
    done = subprocess.run(
        [sys.executable, "-m", "wsproxy", "view", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr
