"""Profiles of Firefox, each of which has an NSS database of its own."""

import configparser
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from wsproxy.certs.trust.nss import NssDatabase, short_path


class FirefoxProfile(NssDatabase):
    """Args: place: the folder of the profile."""

    kind = "firefox"
    option = "firefox"

    @classmethod
    def find(cls) -> Sequence["FirefoxProfile"]:
        """The profiles of the user's that Firefox has been started with."""
        found = dict.fromkeys(profile for root in _roots() for profile in _profiles(root))
        return [cls(place) for place in found if os.path.exists(place / "cert9.db")]

    @property
    def title(self) -> str:
        return f"the Firefox profile {short_path(self.place)}"

    @property
    def audience(self) -> str:
        return "Firefox with this profile, from its next start"


def _roots() -> Iterator[Path]:
    """Folders with a `profiles.ini`."""
    home = Path.home()
    if sys.platform == "darwin":
        yield home / "Library/Application Support/Firefox"
    elif sys.platform == "win32":
        yield Path(os.environ.get("APPDATA") or home / "AppData/Roaming", "Mozilla", "Firefox")
    else:
        yield home / ".mozilla/firefox"
        yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "mozilla/firefox")
        yield home / "snap/firefox/common/.mozilla/firefox"
        yield home / ".var/app/org.mozilla.firefox/.mozilla/firefox"


def _profiles(root: Path) -> Iterator[Path]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(root / "profiles.ini", encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return
    for section in parser.sections():
        path = parser.get(section, "Path", fallback="")
        if section.startswith("Profile") and path:
            relative = parser.get(section, "IsRelative", fallback="1") == "1"
            yield root / path if relative else Path(path)
