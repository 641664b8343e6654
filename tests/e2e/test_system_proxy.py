"""
`wsproxy system-proxy` with GNOME's real settings, in a session and a profile of their own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NEEDED = ("dbus-run-session", "gsettings")

SCRIPT = r"""
set -e
settings() { gsettings list-recursively org.gnome.system.proxy | sort; }
wait_for() { n=0; until "$@"; do n=$((n + 1)); [ $n -lt 600 ] || exit 9; sleep 0.05; done; }
listening() { grep -q 'listening on' "$HOME/said"; }
restored() { [ "$(settings)" = "$before" ]; }

gsettings set org.gnome.system.proxy ignore-hosts "['localhost', 'intranet.example']"
gsettings set org.gnome.system.proxy.https host company.example
gsettings set org.gnome.system.proxy.https port 3128
gsettings set org.gnome.system.proxy mode auto
before=$(settings)
"$0" -m wsproxy dump -q -p 0 -w "$HOME/c.wsp" 2>"$HOME/said" &
proxy=$!
trap 'kill -9 $proxy 2>/dev/null || true' EXIT
wait_for listening

echo "== on"
"$0" -m wsproxy system-proxy on
"$0" -m wsproxy system-proxy status
gsettings get org.gnome.system.proxy mode
gsettings get org.gnome.system.proxy ignore-hosts
gsettings get org.gnome.system.proxy.https host
echo "== off"
"$0" -m wsproxy system-proxy off
restored && echo restored

echo "== crash"
"$0" -m wsproxy system-proxy on
restored || echo changed
kill -9 $proxy
wait_for restored
echo restored
wait_for test ! -e "$WSPROXY_HOME/system-proxy.json"
"$0" -m wsproxy system-proxy status || echo "status $?"
"""


@pytest.mark.skipif(
    any(shutil.which(name) is None for name in NEEDED), reason=f"needs {' and '.join(NEEDED)}"
)
def test_gnomes_settings_are_changed_and_put_back_also_after_a_crash(tmp_path: Path) -> None:
    own = {"HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    (tmp_path / "run").mkdir(mode=0o700)
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", SCRIPT, sys.executable],
        env={
            **environment,
            "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "XDG_RUNTIME_DIR": str(tmp_path / "run"),
            "WSPROXY_HOME": str(tmp_path / "home"),
            "GSETTINGS_BACKEND": "dconf",
            "NO_COLOR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _, on, off, crash = done.stdout.split("== ")
    lines = on.splitlines()
    assert lines[1].startswith("on: GNOME names 127.0.0.1:")
    assert lines[2:] == ["'manual'", "@as []", "'127.0.0.1'"]
    assert off.splitlines() == ["off", "restored"]
    assert crash.splitlines() == ["crash", "changed", "restored", "off", "status 1"]
