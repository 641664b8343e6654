"""Waiting: whatever came is noticed, whenever it came and whoever was given it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from wsproxy.signals import woken

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals"),
    pytest.mark.timeout(30),
]


@pytest.fixture
def handled() -> Iterator[list[int]]:
    numbers: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_before_the_wait_ends_it(handled: list[int]) -> None:
    with woken() as wait:
        os.kill(os.getpid(), signal.SIGUSR1)
        wait()
    assert handled == [signal.SIGUSR1]


def test_a_signal_another_thread_takes_ends_the_wait(handled: list[int]) -> None:
    def send() -> None:
        time.sleep(0.1)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    with woken() as wait:
        sender = threading.Thread(target=send)
        sender.start()
        wait()
    sender.join()
    assert handled == [signal.SIGUSR1]


def test_a_child_that_ends_ends_the_wait() -> None:
    with woken() as wait, subprocess.Popen(["sleep", "0.1"]) as process:
        while process.poll() is None:
            wait()


def test_a_child_that_ended_before_ends_it_too() -> None:
    with woken() as wait, subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        wait()
        assert process.poll() == 0


def test_everything_is_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGCHLD)
    with woken():
        pass
    assert signal.getsignal(signal.SIGCHLD) is before
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="files that are open cannot be listed here")
def test_no_file_stays_open() -> None:
    before = os.listdir("/proc/self/fd")
    with woken():
        pass
    assert os.listdir("/proc/self/fd") == before
