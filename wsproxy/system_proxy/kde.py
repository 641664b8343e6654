"""
KDE Plasma: group `Proxy Settings` of `kioslaverc`, read by KIO (kprotocolmanager.cpp of kio).
"""

import contextlib
import os
import shutil
import sys

from wsproxy.errors import WsproxyError
from wsproxy.system_proxy.settings import Settings, Values, run

_PLACE = ("--file", "kioslaverc", "--group", "Proxy Settings", "--key")
_MISSING = "wsproxy: not set"
_MANUAL = "1"
_VERSIONS = ("6", "5")


class Kde(Settings):
    """By `kreadconfig` and `kwriteconfig`."""

    name = "kde"
    title = "KDE"

    @classmethod
    def is_here(cls) -> bool:
        desktops = os.environ.get("XDG_CURRENT_DESKTOP", "").upper().split(":")
        return sys.platform not in ("win32", "darwin") and "KDE" in desktops and bool(cls._version())

    def wanted(self, host: str, port: int) -> Values:
        place = f"http://[{host}] {port}" if ":" in host else f"http://{host} {port}"
        return {
            "httpProxy": place,
            "httpsProxy": place,
            "NoProxyFor": "",
            "ReversedException": "false",
            "ProxyType": _MANUAL,
        }

    def read(self, name: str) -> str | None:
        found = run(f"kreadconfig{self._version()}", *_PLACE, name, "--default", _MISSING)
        value = found.removesuffix("\n")
        return None if value == _MISSING else value

    def write(self, name: str, value: str | None) -> None:
        program = f"kwriteconfig{self._version()}"
        if value is None:
            run(program, *_PLACE, name, "--delete", "")
        else:
            run(program, *_PLACE, name, value)

    def announce(self) -> None:
        signal = "org.kde.KIO.Scheduler.reparseSlaveConfiguration"
        # Without it programs notice when they are started anew.
        with contextlib.suppress(WsproxyError):
            run("dbus-send", "--type=signal", "/KIO/Scheduler", signal, "string:")

    @staticmethod
    def _version() -> str:
        for version in _VERSIONS:
            if shutil.which(f"kreadconfig{version}") and shutil.which(f"kwriteconfig{version}"):
                return version
        return ""
