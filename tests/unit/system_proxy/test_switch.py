"""On and off: what was there before is never lost, whatever crashes."""

import json
import os
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from tests.unit.system_proxy.conftest import Programs, Store
from tests.unit.system_proxy.test_kinds import kde_of
from wsproxy.cli.system_proxy import system_proxy
from wsproxy.errors import ControlError, WsproxyError
from wsproxy.system_proxy import switch
from wsproxy.system_proxy.gnome import Gnome
from wsproxy.system_proxy.kde import Kde
from wsproxy.system_proxy.settings import Settings

BEFORE = {"ProxyType": "2", "NoProxyFor": "intranet"}


@pytest.fixture
def store(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The settings of a KDE; nobody waits for the end of a proxy."""
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "KDE")
    monkeypatch.setattr(switch, "_start_watching", lambda: None)
    found = kde_of(programs)
    found.update(BEFORE)
    return found


def ended() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def call(*words: str) -> Result:
    return CliRunner().invoke(system_proxy, words)


def test_off_puts_back_what_was_there_and_forgets_it(store: Store) -> None:
    switched = switch.on("127.0.0.1", 9000, os.getpid())
    assert store["httpProxy"] == "http://127.0.0.1 9000"
    assert switch.current() == switched
    assert switched.has_proxy
    assert stat.S_IMODE(switch.state_file().stat().st_mode) == 0o600
    assert switch.off() == switched
    assert store == BEFORE
    assert not switch.state_file().exists()
    assert switch.off() is None


def test_on_again_does_not_take_our_own_settings_for_what_was_there(store: Store) -> None:
    switch.on("127.0.0.1", 9000, os.getpid())
    switch.on("127.0.0.1", 9001, os.getpid())
    assert store["httpProxy"] == "http://127.0.0.1 9001"
    switch.off()
    assert store == BEFORE


def test_a_crash_in_the_middle_of_switching_on_is_put_right_by_off(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Kde.write

    def crash(self: Kde, name: str, value: str | None) -> None:
        if name == "ProxyType":
            raise SystemExit("killed")
        write(self, name, value)

    with monkeypatch.context() as patch:
        patch.setattr(Kde, "write", crash)
        # Nobody is left to clean up.
        patch.setattr(switch, "off", lambda: None)
        with pytest.raises(SystemExit):
            switch.on("127.0.0.1", 9000, ended())
    assert store != BEFORE
    assert "puts things right" in call("status").output
    assert call("off").exit_code == 0
    assert store == BEFORE


def test_settings_that_are_not_taken_are_put_back_and_said(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Kde.write
    # As gsettings behaves without a session bus: it says nothing, and nothing is kept.
    monkeypatch.setattr(
        Kde, "write", lambda self, name, value: None if name == "httpsProxy" else write(self, name, value)
    )
    with pytest.raises(WsproxyError, match="KDE did not take the setting httpsProxy"):
        switch.on("127.0.0.1", 9000, os.getpid())
    assert store == BEFORE
    assert switch.current() is None


def test_what_cannot_be_put_back_stays_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    switch.on("127.0.0.1", 9000, os.getpid())

    def fail(self: Kde, name: str, value: str | None) -> None:
        raise WsproxyError("the settings are read-only")

    with monkeypatch.context() as patch:
        patch.setattr(Kde, "write", fail)
        with pytest.raises(WsproxyError, match="read-only"):
            switch.off()
    assert switch.off() is not None
    assert store == BEFORE


def test_when_the_proxy_has_ended_it_is_switched_off(store: Store) -> None:
    switch.on("127.0.0.1", 9000, ended())
    switch.watch()
    assert store == BEFORE
    assert switch.current() is None


def test_who_waits_for_the_end_of_one_proxy_does_not_switch_another_off(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch.on("127.0.0.1", 9000, os.getpid())
    monkeypatch.setattr(switch.time, "sleep", lambda seconds: switch.on("127.0.0.1", 9001, os.getpid()))
    switch.watch()
    assert store["httpProxy"] == "http://127.0.0.1 9001"


def test_a_state_that_cannot_be_understood_is_said_and_left(store: Store) -> None:
    switch.state_file().parent.mkdir(parents=True)
    for text in ("", "[]", '{"kind": "kde"}', '{"kind": "kde", "host": 1, "port": "x"}'):
        switch.state_file().write_text(text)
        with pytest.raises(WsproxyError, match="cannot be understood"):
            switch.off()
    assert switch.state_file().exists()


def test_a_system_without_such_settings_is_told_what_needs_none(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch, "KINDS", (Kde, Gnome))
    with pytest.raises(WsproxyError, match="no settings for a proxy were found here") as caught:
        switch.here()
    assert "wsproxy browser" in caught.value.hint


# The command.


def test_status_says_whether_it_is_on_also_by_its_exit_code(store: Store) -> None:
    off = call("status")
    assert (off.exit_code, off.output) == (1, "off\n")
    assert json.loads(call("status", "--json").output)["on"] is False
    switch.on("127.0.0.1", 9000, os.getpid())
    on = call("status")
    assert (on.exit_code, on.output) == (0, "on: KDE names 127.0.0.1:9000\n")
    assert json.loads(call("status", "--json").output) == {
        "on": True,
        "settings": "kde",
        "proxy": "127.0.0.1:9000",
        "proxy_runs": True,
    }


def test_off_says_what_it_did(store: Store) -> None:
    assert "off already" in call("off").output
    switch.on("127.0.0.1", 9000, os.getpid())
    assert "KDE are what they were before" in call("off").output


def test_without_a_proxy_nothing_is_changed(store: Store) -> None:
    result = call("on")
    assert isinstance(result.exception, ControlError)
    assert store == BEFORE


def test_every_kind_has_a_name_of_its_own() -> None:
    names = [kind.name for kind in switch.KINDS]
    assert len(set(names)) == len(names)
    assert all(issubclass(kind, Settings) and kind.title for kind in switch.KINDS)
