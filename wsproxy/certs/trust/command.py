"""
Programs of the system: shown as a person would type them, and run without a shell.

Nothing else in `wsproxy.certs.trust` starts a process.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from wsproxy.errors import TrustError

_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where programs for administrators are; not on everybody's PATH."""
_PATIENCE = 30.0
"""Seconds for a program that is only asked something."""

_PACKAGES = {
    "certutil": {"apt": "libnss3-tools", "dnf": "nss-tools", "pacman": "nss", "brew": "nss"},
    "update-ca-certificates": {"apt": "ca-certificates"},
    "update-ca-trust": {"dnf": "ca-certificates", "pacman": "ca-certificates-utils"},
    "openssl": {"apt": "openssl", "dnf": "openssl", "pacman": "openssl"},
}
_INSTALL = {"apt": "apt install", "dnf": "dnf install", "pacman": "pacman -S", "brew": "brew install"}
_SYSTEMS = {"apt": "Debian, Ubuntu", "dnf": "Fedora", "pacman": "Arch", "brew": "macOS"}


@dataclass(frozen=True, slots=True)
class Command:
    """One call of a program that changes something."""

    words: tuple[str, ...]
    as_root: bool = False
    """Whether only root may do it; others do it through sudo."""
    stdin: str = ""

    def __str__(self) -> str:
        """As it is typed into a shell."""
        typed = shlex.join([*self._sudo(), *self.words])
        return f"printf %s {shlex.quote(self.stdin)} | {typed}" if self.stdin else typed

    def run(self) -> None:
        """
        Run it, and wait for its end. It may ask for a password on the terminal.

        Raises:
            TrustError: it is not installed, or it failed; the message has its own words.
        """
        words = [*self._sudo(), *self.words]
        try:
            done = subprocess.run(
                words,
                executable=program(words[0]),
                input=self.stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise TrustError(f"cannot run {words[0]}: {(error.strerror or str(error)).lower()}") from None
        if done.returncode != 0:
            said = " ".join(done.stdout.split())[-300:]
            raise TrustError(f"`{self}` failed: {said or f'exit code {done.returncode}'}")

    def _sudo(self) -> tuple[str, ...]:
        return ("sudo",) if self.as_root and needs_sudo() else ()


def needs_sudo() -> bool:
    """Whether this user is not root, where there is one."""
    return sys.platform != "win32" and os.geteuid() != 0


def ask(*words: str) -> str | None:
    """
    What a program says that changes nothing.

    Returns:
        Its output; None if it ends with a failure.

    Raises:
        TrustError: it is not installed, or does not answer.
    """
    try:
        done = subprocess.run(
            words,
            executable=program(words[0]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TrustError(f"cannot ask {words[0]}: {error}") from None
    return done.stdout if done.returncode == 0 else None


def program(name: str) -> str:
    """
    Where a program is.

    Raises:
        TrustError: nowhere; the hint says how to get it.
    """
    found = _find(name)
    if found is None:
        raise TrustError(f"{name} is not installed", _how_to_get(name))
    return found


def lacking(*names: str) -> TrustError | None:
    """Why these programs cannot be run, sudo included where root is needed; None if they can."""
    for name in names:
        if _find(name) is None:
            return TrustError(f"{name} is not installed", _how_to_get(name))
    return None


def _find(name: str) -> str | None:
    places: Sequence[str] = [os.environ.get("PATH", os.defpath), *_SBIN]
    return shutil.which(name, path=os.pathsep.join(places))


def _how_to_get(name: str) -> str:
    if name == "sudo":
        return "Run the same command as root, or install sudo"
    packages = _PACKAGES.get(name, {})
    for manager, package in packages.items():
        if shutil.which(manager):
            return f"Install it: `{_INSTALL[manager]} {package}`"
    if not packages:
        return "Install it"
    listed = ", ".join(f"{package} ({_SYSTEMS[manager]})" for manager, package in packages.items())
    return f"It is in the package {listed}"
