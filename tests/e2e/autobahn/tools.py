"""
Where the suite's own tools come from: a virtualenv of Python 2.7, built on first use.

The suite runs on Python 2 only. Newer interpreters install its source package without an error, and
then it does not start.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / ".tools"
SUITE = "autobahntestsuite==25.10.1"
VIRTUALENV = "virtualenv==20.21.1"
"""The last line of releases that makes environments of Python 2.7."""


class PythonMissing(Exception):
    """There is no Python 2.7; the message says where it was looked for."""


class BuildFailed(Exception):
    """The tools could not be installed; the message has what the installer said."""


def find_python27() -> Path:
    """
    A working Python 2.7: from `PYTHON27`, the `PATH`, or pyenv.

    Raises:
        PythonMissing: there is none.
    """
    chosen = os.environ.get("PYTHON27")
    if chosen:
        if _is_python27(chosen):
            return Path(chosen)
        raise PythonMissing(f"PYTHON27 is {chosen!r}, which is not a working Python 2.7")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [shutil.which("python2.7"), *sorted(pyenv.glob("versions/2.7*/bin/python2.7"), reverse=True)]
    for candidate in candidates:
        # pyenv's own `python2.7` on the PATH exists even where no version is switched on.
        if candidate and _is_python27(candidate):
            return Path(candidate)
    raise PythonMissing(
        "the Autobahn suite needs Python 2.7, and there is none on the PATH or in pyenv; "
        "install one (`pyenv install 2.7.18`) or name it in PYTHON27"
    )


def ensure() -> Path:
    """
    The interpreter that has the suite, built if need be (about half a minute; needs a package index
    and a C compiler). Safe to call from several processes at once.

    Raises:
        PythonMissing: there is nothing to build it with.
        BuildFailed: its packages could not be installed.
    """
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = FOLDER / "ready"
        python = FOLDER / "suite" / "bin" / "python"
        if not (ready.exists() and ready.read_text() == SUITE and _is_python27(python)):
            ready.unlink(missing_ok=True)
            _build(find_python27())
            ready.write_text(SUITE)
        return python


def _build(python27: Path) -> None:
    maker, suite = FOLDER / "virtualenv", FOLDER / "suite"
    for folder in (maker, suite):
        shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", maker)
    _run(maker / "bin" / "pip", "install", "-q", VIRTUALENV)
    _run(maker / "bin" / "virtualenv", "-q", "-p", python27, suite)
    # Some of what it needs comes as source only, and builds with the setuptools that is there.
    _run(suite / "bin" / "pip", "install", "-q", "--no-build-isolation", SUITE)


def _run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise BuildFailed(f"cannot build the Autobahn suite: {Path(command[0]).name} failed with:\n{said}")


def _is_python27(python: str | Path) -> bool:
    try:
        done = subprocess.run(
            [str(python), "-c", "import sys; print(sys.version_info[:2] == (2, 7))"],
            capture_output=True,
            text=True,
        )
    except OSError:
        return False
    return done.stdout.strip() == "True"
