"""What is left when the writer, or the disk under it, gives out."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.captures import capture
from tests.unit.store.store_tools import REPOSITORY, counts, until
from wsproxy.errors import CaptureError
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.wire.encode import encode_frame

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")

# Writes frame after frame and says when each was handed to the recorder.
WRITER = """
import sys, time
from pathlib import Path
from tests.support.captures import capture
from wsproxy.wire.encode import encode_frame

with capture(Path(sys.argv[1])) as c:
    number = c.open()
    for count in range(1, 1_000_000):
        c.receive(number, encode_frame(2, count.to_bytes(8, "big") + bytes(200)))
        print(count, time.monotonic(), flush=True)
        time.sleep(0.0005)
"""


def test_a_killed_writer_loses_the_last_moments_at_most_and_the_capture_opens_without_repair(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.wsp"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as writer:
        until(lambda: path.exists() and counts_or_none(path) > 100, "a hundred frames")
        writer.kill()
        assert writer.stdout is not None
        lines = [line.split() for line in writer.stdout.read().splitlines()]
    handed = {int(line[0]): float(line[1]) for line in lines if len(line) == 2}

    with Reader(path) as reader:
        assert reader.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert reader.info().ended is None
        assert not reader.is_live()
        found = []
        while page := reader.frames(after=len(found)):
            found += [(frame.id, int.from_bytes(frame.payload[:8], "big")) for frame in page]
    assert found == [(n, n) for n in range(1, len(found) + 1)]
    # Within a transaction every 50 ms, on a machine that may be busy.
    last = max(handed)
    assert handed[last] - handed[len(found)] < 1.0
    with capture(path, append=True) as c:
        c.receive(c.open(), encode_frame(1, b"x"))
    assert counts(path) == (2, len(found) + 1)


def counts_or_none(path: Path) -> int:
    """Frames to be seen; none while the file is being made."""
    try:
        return counts(path)[1]
    except (CaptureError, sqlite3.Error):
        return 0


# A file that may not grow beyond a size is a disk that is full: the same error on the same call.
FILLER = """
import json, resource, sys, time
from pathlib import Path
from tests.support.captures import Capture
from tests.unit.store.store_tools import until
from wsproxy.store import recorder
from wsproxy.store.limits import Limits
from wsproxy.wire.encode import encode_frame

recorder._RETRY = 0.05
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
c = Capture(Path(sys.argv[1]), Limits(interval=0.01))
number = c.open()
sent = 0

def send(size):
    global sent
    sent += 1
    c.receive(number, encode_frame(2, bytes(size)))

while not c.said:
    send(20_000)
    until(lambda: c.recorder.queued == 0)
for _ in range(5):
    send(20_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
until(lambda: len(c.said) > 1)
for _ in range(3):
    send(10)
c.close(number)
c.stop()
print(json.dumps({"sent": sent, "said": c.said}))
"""


def test_a_disk_that_fills_up_stops_the_recording_until_there_is_room_again(tmp_path: Path) -> None:
    path = tmp_path / "a.wsp"
    before = time.time_ns()
    done = subprocess.run(
        [sys.executable, "-c", FILLER, str(path)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
        cwd=REPOSITORY,
    )
    told = json.loads(done.stdout)
    stopped, went_on, *more = told["said"]
    assert more == []
    assert stopped.startswith("RECORDING STOPPED at ")
    assert f"cannot write {path}: " in stopped
    assert went_on.startswith("recording goes on; ")
    with Reader(path) as reader:
        [gap] = reader.gaps()
        assert f"{gap.frames} frames were relayed and not recorded" in went_on
        assert gap.frames >= 5
        assert reader.counts() == (1, told["sent"] - gap.frames)
        assert gap.bytes == gap.frames * 20_004
        assert gap.started < before < gap.ended
        assert [frame.length for frame in reader.frames(limit=100_000)][-3:] == [10, 10, 10]
        assert reader.db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert list(reader.closures()) == [1]


def test_parts_of_a_large_frame_survive_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.wsp"
    script = (
        "import os, sys, time; from pathlib import Path; from tests.support.captures import capture\n"
        "from tests.unit.store.store_tools import counts, until\n"
        "with capture(Path(sys.argv[1])) as c:\n"
        "    c.receive(c.open(), b'\\x82\\x7f' + (1 << 30).to_bytes(8, 'big') + bytes(100_000))\n"
        "    until(lambda: counts(Path(sys.argv[1])) == (1, 1))\n"
        "    os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False, cwd=REPOSITORY)
    assert done.returncode == -9
    with Reader(path) as reader:
        [frame] = reader.frames()
        assert (frame.length, frame.stored) == (1 << 30, 100_000)
        assert b"".join(reader.payload(1)) == bytes(100_000)
    with capture(path, Limits(), append=True) as c:
        assert c.open() == 2
