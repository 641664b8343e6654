"""Which browsers are installed here, and what kind of browser a program is."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wsproxy.errors import UsageError, WsproxyError

CHROMIUM, FIREFOX = "Chromium", "Firefox"
"""The families: what takes the switches of the one, and the preferences of the other."""

_WINDOWS_ROOTS = ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData")


@dataclass(frozen=True, slots=True)
class Kind:
    """A browser, and where its programs are."""

    name: str
    title: str
    family: str
    linux: tuple[str, ...]
    """Names on PATH."""
    macos: str
    """In a folder of applications."""
    windows: str
    """In a folder of programs."""


KINDS = (
    Kind(
        "chromium", "Chromium", CHROMIUM,
        ("chromium", "chromium-browser"),
        "Chromium.app/Contents/MacOS/Chromium",
        r"Chromium\Application\chrome.exe",
    ),
    Kind(
        "chrome", "Chrome", CHROMIUM,
        ("google-chrome-stable", "google-chrome"),
        "Google Chrome.app/Contents/MacOS/Google Chrome",
        r"Google\Chrome\Application\chrome.exe",
    ),
    Kind(
        "edge", "Edge", CHROMIUM,
        ("microsoft-edge-stable", "microsoft-edge"),
        "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
        r"Microsoft\Edge\Application\msedge.exe",
    ),
    Kind(
        "brave", "Brave", CHROMIUM,
        ("brave-browser", "brave-browser-stable", "brave"),
        "Brave Browser.app/Contents/MacOS/Brave Browser",
        r"BraveSoftware\Brave-Browser\Application\brave.exe",
    ),
    Kind(
        "firefox", "Firefox", FIREFOX,
        ("firefox", "firefox-esr"),
        "Firefox.app/Contents/MacOS/firefox",
        r"Mozilla Firefox\firefox.exe",
    ),
)  # fmt: skip
"""In the order in which they are looked for."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A browser that can be started."""

    program: Path
    family: str


def find(*names: str) -> Installed:
    """
    The first browser that is installed.

    Args:
        names: of the kinds to look for, as in `KINDS`; all of them if none is given.

    Raises:
        WsproxyError: none was found; the message names what was looked for.
    """
    wanted = [kind for kind in KINDS if not names or kind.name in names]
    for kind in wanted:
        for place in _places(kind):
            if place.is_file() and os.access(place, os.X_OK):
                return Installed(place, kind.family)
    titles = [kind.title for kind in wanted]
    *others, last = titles
    listed = f"{', '.join(others)} or {last}" if others else last
    if sys.platform == "win32" or sys.platform == "darwin":
        where, hint = "where they are usually installed", "Install one"
    else:
        where = f"on PATH ({', '.join(name for kind in wanted for name in kind.linux)})"
        packages = {
            CHROMIUM: "`chromium` (Debian, Fedora, Arch)",
            FIREFOX: "`firefox` (`firefox-esr` in Debian)",
        }
        hint = f"Install the package {packages[wanted[0].family]}"
    raise WsproxyError(
        f"no {listed} was found {where}", f"{hint}, or name the program: `wsproxy browser --browser PROGRAM`"
    )


def named(name: str) -> Installed:
    """
    A browser by the name of its kind, or by the path of its program.

    Raises:
        UsageError: it is neither.
        WsproxyError: that kind is not installed.
    """
    if name in [kind.name for kind in KINDS]:
        return find(name)
    program = Path(name).expanduser()
    if not program.is_file():
        known = ", ".join(kind.name for kind in KINDS)
        raise UsageError(f"there is no browser {name!r}", f"It is one of {known}, or the path of a program.")
    is_firefox = any(word in program.name.lower() for word in ("firefox", "librewolf", "waterfox"))
    # Not resolved: a link may be what tells the program who it is.
    return Installed(program.absolute(), FIREFOX if is_firefox else CHROMIUM)


def profile_parent(program: Path) -> Path | None:
    """Where the program can have a throw-away profile; None for the usual place."""
    # Snaps see a temporary folder of their own, and nothing hidden in the home folder.
    if program.parts[:2] == ("/", "snap"):
        common = Path.home() / "snap" / program.name / "common"
        if common.is_dir():
            return common
    return None


def _places(kind: Kind) -> Iterator[Path]:
    if sys.platform == "win32":
        for root in _WINDOWS_ROOTS:
            if folder := os.environ.get(root):
                yield Path(folder, kind.windows)
    elif sys.platform == "darwin":
        yield Path("/Applications", kind.macos)
        yield Path.home() / "Applications" / kind.macos
    else:
        for name in kind.linux:
            if found := shutil.which(name):
                yield Path(found)
