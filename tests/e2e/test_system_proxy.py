"""
`wsproxy system-proxy` with the real settings of GNOME and KDE, in a session and a profile of their own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.alike

SCRIPT = r"""
set -e
wait_for() { n=0; until "$@"; do n=$((n + 1)); [ $n -lt 600 ] || exit 9; sleep 0.05; done; }
listening() { grep -q 'listening on' "$HOME/said"; }
restored() { [ "$(settings)" = "$before" ]; }

prepare
before=$(settings)
"$0" -m wsproxy dump -q -p 0 -w "$HOME/c.wsp" 2>"$HOME/said" &
proxy=$!
trap 'kill -9 $proxy 2>/dev/null || true' EXIT
wait_for listening

echo "== on"
"$0" -m wsproxy system-proxy on
"$0" -m wsproxy system-proxy status
sees
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

GNOME = r"""
settings() { gsettings list-recursively org.gnome.system.proxy | sort; }
prepare() {
    gsettings set org.gnome.system.proxy ignore-hosts "['localhost', 'intranet.example']"
    gsettings set org.gnome.system.proxy.https host company.example
    gsettings set org.gnome.system.proxy.https port 3128
    gsettings set org.gnome.system.proxy mode auto
}
sees() {
    gsettings get org.gnome.system.proxy mode
    gsettings get org.gnome.system.proxy ignore-hosts
    gsettings get org.gnome.system.proxy.https host
}
"""

KDE = r"""
place="--file kioslaverc --group"
settings() { cat "$XDG_CONFIG_HOME/kioslaverc"; }
prepare() {
    mkdir -p "$XDG_CONFIG_HOME"
    kwriteconfig5 $place "Proxy Settings" --key ProxyType 2
    kwriteconfig5 $place "Proxy Settings" --key "Proxy Config Script" http://wpad.example/x.pac
    kwriteconfig5 $place "Proxy Settings" --key NoProxyFor localhost,intranet.example
    kwriteconfig5 $place "Other" --key Mine "some thing"
}
sees() {
    kreadconfig5 $place "Proxy Settings" --key ProxyType
    kreadconfig5 $place "Proxy Settings" --key NoProxyFor --default unset
    kreadconfig5 $place "Proxy Settings" --key httpsProxy | cut -d" " -f1
}
"""


def needs(desktop: str, *programs: str) -> pytest.MarkDecorator:
    lacking = any(shutil.which(name) is None for name in ("dbus-run-session", *programs))
    return pytest.mark.skipif(lacking, reason=f"{desktop}'s settings are not installed")


@pytest.mark.parametrize(
    ("desktop", "script", "seen"),
    [
        pytest.param(
            "GNOME", GNOME, ["'manual'", "@as []", "'127.0.0.1'"],
            marks=needs("GNOME", "gsettings"), id="GNOME",
        ),
        pytest.param(
            "KDE", KDE, ["1", "", "http://127.0.0.1"],
            marks=needs("KDE", "kreadconfig5", "kwriteconfig5"), id="KDE",
        ),
    ],
)  # fmt: skip
def test_the_settings_of_a_desktop_are_changed_and_put_back_also_after_a_crash(
    tmp_path: Path, desktop: str, script: str, seen: list[str]
) -> None:
    own = {"HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    (tmp_path / "run").mkdir(mode=0o700)
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", script + SCRIPT, sys.executable],
        env={
            **environment,
            "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "XDG_RUNTIME_DIR": str(tmp_path / "run"),
            "XDG_CURRENT_DESKTOP": desktop,
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
    assert lines[1].startswith(f"on: {desktop} names 127.0.0.1:")
    assert lines[2:] == seen
    assert off.splitlines() == ["off", "restored"]
    assert crash.splitlines() == ["crash", "changed", "restored", "off", "status 1"]
