"""A program under us is as it would be without: its exit status, its signals, its words on failure."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from wsproxy.cli.exec import exec_
from wsproxy.clients.command import NotExecutable, NotFound, look_up, run
from wsproxy.errors import UsageError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs here are POSIX programs")

US = """
import os, sys
from wsproxy.clients.command import end_as, run
status = run(sys.argv[1:], os.environ)
end_as(status)
sys.exit(status)
"""


def under_us(*command: str) -> "subprocess.Popen[str]":
    """A process of ours that runs a program, in a session without a terminal."""
    return subprocess.Popen(
        [sys.executable, "-c", US, *command], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def test_the_exit_status_is_the_programs() -> None:
    assert run(["sh", "-c", "exit 7"], os.environ) == 7


def test_the_environment_is_the_one_given() -> None:
    assert run(["sh", "-c", 'exit "$CODE"'], {"PATH": os.environ["PATH"], "CODE": "9"}) == 9


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"])
def test_a_signal_to_us_alone_is_passed_on(name: str) -> None:
    script = f"trap 'exit 41' {name.removeprefix('SIG')}; echo ready; while :; do sleep 0.05; done"
    with under_us("sh", "-c", script) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, name))
        assert process.wait(30) == 41


def test_a_signal_that_does_not_interrupt_our_waiting_is_passed_on_at_once() -> None:
    # As when it comes just before we block: another thread takes it, and no system call of ours sees it.
    elsewhere = (
        "import signal, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
    )
    # The mask is inherited, and a shell would not see the signal either.
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(41))\n"
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", elsewhere + US, sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        # It waits by now, with nothing to run between two system calls.
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 41


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_who_called_us_sees_the_signal_that_ended_the_program(number: signal.Signals) -> None:
    with under_us("sh", "-c", f"kill -{number.value} $$") as process:
        assert process.wait(30) == -number


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with under_us("sh", "-c", "kill -HUP $$; kill -HUP $PPID; echo alive") as process:
            assert process.communicate(timeout=30)[0] == "alive\n"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_terminals_interrupt_reaches_the_program_once(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\n"
        "seen = []\n"
        "signal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "print('ready', flush=True)\n"
        "while not seen: time.sleep(0.01)\n"
        # A second one would be here by now: we were interrupted at the same moment.
        "time.sleep(0.5)\n"
        "print('seen', len(seen), flush=True)\n"
    )
    import pty

    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", US, sys.executable, "-c", script])
    with open(terminal, "rb", buffering=0) as screen:
        text = b""
        while b"ready" not in text:
            text += screen.read(1024)
        os.write(terminal, b"\x03")
        while not re.search(rb"seen \d", text):
            text += screen.read(1024)
        _, status = os.waitpid(child, 0)
    assert b"seen 1" in text
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_program_that_is_not_there_is_said_as_shells_say_it() -> None:
    with pytest.raises(NotFound, match="there is no program 'no-such-program'") as caught:
        run(["no-such-program"], os.environ)
    assert caught.value.exit_code == 127


def test_what_cannot_be_run_is_said_as_shells_say_it(tmp_path: Path) -> None:
    plain, broken = tmp_path / "plain", tmp_path / "broken"
    plain.write_text("text")
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(NotExecutable, match="permission denied") as caught:
        run([str(plain)], os.environ)
    assert caught.value.exit_code == 126
    with pytest.raises(NotExecutable, match="its interpreter is missing"):
        run([str(broken)], os.environ)


def test_what_cannot_be_started_is_seen_before_a_proxy_is(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("text")
    for name, error, complaint in (
        ("no-such-program", NotFound, "there is no program"),
        (str(tmp_path / "none"), NotFound, "there is no program"),
        (str(plain), NotExecutable, "permission denied"),
        (str(tmp_path), NotExecutable, "is a directory"),
    ):
        with pytest.raises(error, match=complaint):
            look_up([name], os.environ)
        result = CliRunner().invoke(exec_, ["--own", name])
        assert isinstance(result.exception, error)
        assert result.output == ""
    look_up([sys.executable], {})
    look_up(["python"], {"PATH": str(Path(sys.executable).parent)})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("--own -p 8080 true", "--own and --port exclude each other"),
        ("-w x.wsp -p 8080 true", "--write is for a proxy of its own"),
        ("--discard -w x.wsp true", "--write and --discard exclude each other"),
    ],
)
def test_options_that_exclude_each_other_are_refused(arguments: str, complaint: str) -> None:
    result = CliRunner().invoke(exec_, arguments)
    assert isinstance(result.exception, UsageError)
    assert complaint in result.exception.message


def test_what_follows_the_program_is_the_programs() -> None:
    parsed = exec_.make_context("exec", ["-q", "node", "-p", "x", "--own"])
    assert parsed.params["command"] == ("node", "-p", "x", "--own")
    assert parsed.params["port"] is None
    assert not parsed.params["own"]
