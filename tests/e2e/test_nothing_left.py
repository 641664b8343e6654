"""
Set up in every way there is, killed, and taken back: a machine is what it was before, byte for byte.

The stores are the system's, on a machine of the test's own (`tests.support.machine`), the settings GNOME's.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.machine import Machine, Started, machine, needs_machine, once
from tests.support.stores import java_entries, needs_certutil, needs_update_ca_certificates, rows

JAVA = "/etc/ssl/certs/java/cacerts"
SYSTEM = (Path("/etc"), Path("/usr/local"), Path("/var/lib"))
"""Where the system's stores and its settings are."""

needs_gnome = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("dbus-daemon", "gsettings")), reason="needs GNOME's settings"
)
needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")


class Look:
    """Sees whatever was changed on a machine."""

    def __init__(self, here: Machine) -> None:
        self._here = here
        self._digests: dict[tuple[str, str], str] = {}
        """What is in files, by path and by inode, size and time of the last change, which nobody can set."""

    def __call__(self, folder: Path) -> dict[str, str]:
        """All that is below a folder: kinds, modes, owners, where links lead, digests of files."""
        listed = self._here.run(
            "find", str(folder), "-mindepth", "1", "-printf", r"%p\t%y %m %U %G %l\t%y\t%i %s %C@\n"
        )
        lines = [line.split("\t") for line in listed.splitlines()]
        unseen = {
            path: (path, state)
            for path, _, kind, state in lines
            if kind == "f" and (path, state) not in self._digests
        }
        if unseen:
            said = self._here.run("xargs", "-0", "b2sum", "-z", "--", given="\0".join(unseen))
            for digest, path in (line.split("  ", 1) for line in said.split("\0") if line):
                self._digests[unseen[path]] = digest
        return {path: what + self._digests.get((path, state), "") for path, what, kind, state in lines}


class Person:
    """Somebody with a home, a Firefox and a GNOME, on a machine with authorities of its own."""

    def __init__(self, here: Machine, folder: Path) -> None:
        self.here = here
        self.look = Look(here)
        self.home, self.own, self.scratch = (folder / name for name in ("home", "own", "tmp"))
        self.profile = self.home / ".mozilla" / "firefox" / "me"
        for made in (self.own, self.scratch, self.profile):
            made.mkdir(parents=True)
        (folder / "run").mkdir(mode=0o700)
        for place in SYSTEM:
            here.cover(place, folder / "covers")
        # What others have put there by hand, and not yet told anybody of.
        here.run("update-ca-certificates")
        (self.profile.parent / "profiles.ini").write_text("[Profile0]\nName=me\nIsRelative=1\nPath=me\n")
        (self.home / ".bashrc").write_text("# mine\n")
        here.run("certutil", "-N", "--empty-password", "-d", f"sql:{self.profile}")
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "WSPROXY_"))
        }
        self.environment = {
            **clean,
            "HOME": str(self.home),
            # What it records and the authority itself stay, as they should: not among the person's own files.
            "WSPROXY_HOME": str(self.own),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "TMPDIR": str(self.scratch),
            "GSETTINGS_BACKEND": "dconf",
            "NO_COLOR": "1",
        }
        bus = here.start("dbus-daemon", "--session", "--nofork", "--print-address=1", env=self.environment)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = bus.until("unix:").strip()
        self.set("org.gnome.system.proxy", "ignore-hosts", "['localhost', 'intranet.example']")
        self.set("org.gnome.system.proxy.https", "host", "company.example")
        self.set("org.gnome.system.proxy", "mode", "auto")

    def set(self, schema: str, name: str, value: str) -> None:
        self.here.run("gsettings", "set", schema, name, value, env=self.environment)

    def wsproxy(self, *words: str) -> str:
        return self.here.run(sys.executable, "-m", "wsproxy", *words, env=self.environment)

    def starts(self, *words: str) -> Started:
        return self.here.start(sys.executable, "-m", "wsproxy", *words, env=self.environment)

    def java(self) -> object:
        """What is in Java's store, if there is one: it is not always written in the same order."""
        copy = self.own.with_name("cacerts")
        self.here.run("sh", "-c", f"rm -f {copy}; [ ! -e {JAVA} ] || cp {JAVA} {copy}")
        return java_entries(copy) if copy.exists() else None

    def state(self) -> dict[str, object]:
        """All that setting up could have changed."""
        # They count their changes: what is in them is what must be the same.
        databases = [str(self.profile / name) for name in ("cert9.db", "key4.db")]
        databases.append(str(self.home / ".config" / "dconf" / "user"))
        home = {name: seen for name, seen in self.look(self.home).items() if name not in databases}
        system = {name: seen for place in SYSTEM for name, seen in self.look(place).items() if name != JAVA}
        settings = self.here.run(
            "gsettings", "list-recursively", "org.gnome.system.proxy", env=self.environment
        )
        return {
            "home": home,
            "the profile": rows(self.profile),
            "temporary files": self.look(self.scratch),
            "the system": system,
            "Java's authorities": self.java(),
            "settings": sorted(settings.splitlines()),
            # The session's own helpers come when they are first asked.
            "processes": [
                args for args in self.here.processes().values() if re.search("wsproxy|chrom", args)
            ],
        }


def changed(before: dict[str, object], after: dict[str, object]) -> dict[str, object]:
    """What is not as it was, in few words."""
    found: dict[str, object] = {}
    for name, was in before.items():
        now = after[name]
        if isinstance(was, dict) and isinstance(now, dict):
            if other := {key: now.get(key, "gone") for key in {*was, *now} if was.get(key) != now.get(key)}:
                found[name] = other
        elif was != now:
            found[name] = now
    return found


@needs_machine
@needs_gnome
@needs_certutil
@needs_chromium
@needs_update_ca_certificates
@pytest.mark.browser
@once
@pytest.mark.slow
def test_after_the_way_back_nothing_is_left_whatever_crashed(tmp_path: Path) -> None:
    with machine() as here:
        person = Person(here, tmp_path)
        before = person.state()

        person.starts("dump", "-q").until("listening on")
        person.wsproxy("ca", "trust", "--system", "--nss", "--firefox", "--yes")
        person.wsproxy("exec", "--", "true")
        browser = person.starts("browser", "--browser", "chromium", "--headless", "http://wsproxy.local/")
        browser.until("goes through")
        assert set(changed(before, person.state())) == set(before) - {"settings"}, (
            "the test would see nothing"
        )
        assert browser.end() == 0, browser.said
        person.wsproxy("system-proxy", "on")
        # The proxy, and whoever waits for its end to take it out of the settings.
        here.run("kill", "-KILL", *(pid for pid, args in here.processes().items() if "wsproxy" in args))
        assert "settings" in changed(before, person.state())

        person.wsproxy("system-proxy", "off")
        person.wsproxy("ca", "untrust", "--yes")

        assert changed(before, person.state()) == {}
        # What is its own remains: the authority, captures, and nothing that would have to be undone.
        assert {path.name for path in person.own.iterdir()} <= {"ca", "captures", "run"}
