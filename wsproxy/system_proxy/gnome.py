"""
GNOME, and the desktops that share its settings (Cinnamon, Budgie, Unity, ...).

The schema is `org.gnome.system.proxy` of gsettings-desktop-schemas; values are GVariant in text.
"""

import shutil
import subprocess
import sys

from wsproxy.system_proxy.settings import Settings, Values, run

_SCHEMA = "org.gnome.system.proxy"


class Gnome(Settings):
    """By `gsettings`."""

    name = "gnome"
    title = "GNOME"

    @classmethod
    def is_here(cls) -> bool:
        program = shutil.which("gsettings")
        if program is None or sys.platform in ("win32", "darwin"):
            return False
        found = subprocess.run([program, "list-keys", _SCHEMA], capture_output=True, check=False)
        return found.returncode == 0

    def wanted(self, host: str, port: int) -> Values:
        return {
            f"{_SCHEMA}.http host": f"'{host}'",
            f"{_SCHEMA}.http port": str(port),
            f"{_SCHEMA}.https host": f"'{host}'",
            f"{_SCHEMA}.https port": str(port),
            # Some ask it first.
            f"{_SCHEMA}.socks host": "''",
            f"{_SCHEMA}.socks port": "0",
            f"{_SCHEMA} ignore-hosts": "@as []",
            f"{_SCHEMA} mode": "'manual'",
        }

    def read(self, name: str) -> str | None:
        return run("gsettings", "get", *name.split()).strip()

    def write(self, name: str, value: str | None) -> None:
        # What is the default is better not set at all: then it stays the default.
        run("gsettings", "reset", *name.split())
        if value is not None and self.read(name) != value:
            run("gsettings", "set", *name.split(), value)
