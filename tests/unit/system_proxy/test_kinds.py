"""
Every kind of settings: the proxy is in them while it is on, and afterwards they are what they were.

The programs of KDE and macOS are stand-ins here, which answer as the manuals say, and so is the registry of
Windows. GNOME's are the real ones: tests/e2e/test_system_proxy.py.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.system_proxy.conftest import Programs, Store
from wsproxy.errors import WsproxyError
from wsproxy.system_proxy import kde, macos
from wsproxy.system_proxy.kde import Kde
from wsproxy.system_proxy.macos import MacOS
from wsproxy.system_proxy.settings import Settings, run
from wsproxy.system_proxy.windows import Windows

PLACE = ["--file", "kioslaverc", "--group", "Proxy Settings", "--key"]


def read_kde(store: Store, words: list[str]) -> str:
    assert words[:5] == PLACE
    key, option, default = words[5:]
    assert option == "--default"
    return f"{store.get(key, default)}\n"


def write_kde(store: Store, words: list[str]) -> str:
    assert words[:5] == PLACE
    if "--delete" in words:
        store.pop(words[5], None)
    else:
        [store[words[5]]] = words[6:]
    return ""


def kde_of(programs: Programs) -> Store:
    """The settings of a KDE."""
    programs.install(kde, kreadconfig5=read_kde, kwriteconfig5=write_kde, dbus_send=lambda store, words: "")
    return programs.store


OFF = {"Enabled": "No", "Server": "", "Port": "0"}
STATES = {"on": "Yes", "off": "No"}


def networksetup(store: Store, words: list[str]) -> str:
    if words == ["-listallnetworkservices"]:
        first = "An asterisk (*) denotes that a network service is disabled."
        return f"{first}\nWi-Fi\nThunderbolt Bridge\n*Old\n"
    what, service, *given = words
    assert service in ("Wi-Fi", "Thunderbolt Bridge"), service
    mine = store.setdefault(service, {})
    if what == "-getproxybypassdomains":
        domains = mine.get("bypass", [])
        return "\n".join(domains or [f"There aren't any bypass domains set on {service}."]) + "\n"
    if what == "-getautoproxyurl":
        found = mine.get("auto", {})
        return f"URL: {found.get('URL', '(null)')}\nEnabled: {found.get('Enabled', 'No')}\n"
    if what.startswith("-get"):
        found = mine.get(what[4:], OFF)
        facts = [f"{name}: {found[name]}" for name in OFF]
        return "\n".join([*facts, f"Authenticated Proxy Enabled: {found.get('password', 0)}", ""])
    if what == "-setproxybypassdomains":
        mine["bypass"] = [] if given == ["Empty"] else given
    elif what == "-setautoproxyurl":
        mine["auto"] = {"URL": given[0], "Enabled": "Yes"}
    elif what == "-setautoproxystate":
        mine.setdefault("auto", {})["Enabled"] = STATES[given[0]]
    elif what.endswith("state"):
        mine.setdefault(what[4:-5], dict(OFF))["Enabled"] = STATES[given[0]]
    else:
        host, port = given
        mine[what[4:]] = {"Enabled": "Yes", "Server": host, "Port": port}
    return ""


class Registry:
    """The functions of `winreg` that are used, over a dict."""

    HKEY_CURRENT_USER, KEY_READ, KEY_SET_VALUE = 1, 2, 3

    def __init__(self) -> None:
        self.values: dict[str, tuple[Any, int]] = {}

    @contextmanager
    def OpenKey(self, root: int, name: str, reserved: int, access: int) -> Iterator[int]:
        assert (root, name.rpartition("\\")[2]) == (self.HKEY_CURRENT_USER, "Internet Settings")
        yield access

    def QueryValueEx(self, key: int, name: str) -> tuple[Any, int]:
        if name not in self.values:
            raise FileNotFoundError(name)
        return self.values[name]

    def SetValueEx(self, key: int, name: str, reserved: int, kind: int, value: Any) -> None:
        assert key == self.KEY_SET_VALUE
        assert isinstance(value, int) is (kind == 4)
        self.values[name] = (value, kind)

    def DeleteValue(self, key: int, name: str) -> None:
        if name not in self.values:
            raise FileNotFoundError(name)
        del self.values[name]


def on_and_off(settings: Settings, state: Callable[[], Any], check: Callable[[Any], None]) -> None:
    """Switch on, look, switch off: what `wsproxy.system_proxy.switch` does."""
    before = copy.deepcopy(state())
    wanted = settings.wanted("127.0.0.1", 9000)
    saved = settings.save(wanted)
    settings.apply(wanted)
    assert settings.save(wanted) == wanted
    check(state())
    settings.apply(saved)
    assert state() == before


@pytest.mark.parametrize(
    "before",
    [
        {},
        {"ProxyType": "2", "Proxy Config Script": "http://wpad/x.pac", "NoProxyFor": "a.example,b.example"},
        {"ProxyType": "0", "httpProxy": "http://old 3128", "NoProxyFor": ""},
    ],
)
def test_kde(programs: Programs, monkeypatch: pytest.MonkeyPatch, before: Store) -> None:
    store = kde_of(programs)
    store.update(before)
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "KDE")
    assert Kde.is_here()

    def check(found: dict[str, str]) -> None:
        assert found["ProxyType"] == "1"
        assert found["httpsProxy"] == found["httpProxy"] == "http://127.0.0.1 9000"
        assert found["NoProxyFor"] == ""

    on_and_off(Kde(), lambda: store, check)


def test_kde_is_not_taken_for_another_desktop(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    kde_of(programs)
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "ubuntu:GNOME")
    assert not Kde.is_here()


@pytest.mark.parametrize(
    "wifi",
    [
        {"bypass": [], "webproxy": OFF, "securewebproxy": OFF},
        {
            "bypass": ["*.local", "169.254/16"],
            "webproxy": {"Enabled": "Yes", "Server": "company.example", "Port": "3128"},
            "securewebproxy": {"Enabled": "No", "Server": "company.example", "Port": "3128"},
            "auto": {"URL": "http://wpad/x.pac", "Enabled": "Yes"},
            "socksfirewallproxy": {"Enabled": "Yes", "Server": "socks.example", "Port": "1080"},
        },
    ],
)
def test_macos(programs: Programs, wifi: dict[str, Any]) -> None:
    programs.install(macos, networksetup=networksetup)
    other = {"bypass": [], "webproxy": OFF, "securewebproxy": OFF}
    store = programs.store
    store.update(copy.deepcopy({"Wi-Fi": wifi, "Thunderbolt Bridge": other}))

    def check(found: dict[str, Any]) -> None:
        for service in ("Wi-Fi", "Thunderbolt Bridge"):
            for kind in ("webproxy", "securewebproxy"):
                assert found[service][kind] == {"Enabled": "Yes", "Server": "127.0.0.1", "Port": "9000"}
            assert found[service]["bypass"] == []
        for kind in ("auto", "socksfirewallproxy"):
            assert found["Wi-Fi"].get(kind, OFF)["Enabled"] == "No"

    on_and_off(MacOS(), lambda: store, check)


def test_on_macos_an_empty_host_may_be_refused_and_is_switched_off_all_the_same(programs: Programs) -> None:
    def strict(store: Store, words: list[str]) -> str:
        if words[0].startswith("-set") and "" in words[2:]:
            raise WsproxyError("** Error: The parameters were not valid.")
        return networksetup(store, words)

    programs.install(macos, networksetup=strict)
    settings = MacOS()
    wanted = settings.wanted("127.0.0.1", 9000)
    saved = settings.save(wanted)
    settings.apply(wanted)
    settings.apply(saved)
    for service in ("Wi-Fi", "Thunderbolt Bridge"):
        for kind in ("webproxy", "securewebproxy"):
            assert programs.store[service][kind]["Enabled"] == "No"


def test_on_macos_an_adapter_that_was_unplugged_keeps_nothing_from_being_put_back(programs: Programs) -> None:
    gone = ""

    def unplugged(store: Store, words: list[str]) -> str:
        if words[0] == "-listallnetworkservices":
            return networksetup(store, words).replace(f"{gone}\n" if gone else "\0", "")
        if words[1] == gone:
            raise WsproxyError(f"{gone} is not a recognized network service.")
        return networksetup(store, words)

    programs.install(macos, networksetup=unplugged)
    settings = MacOS()
    wanted = settings.wanted("127.0.0.1", 9000)
    saved = settings.save(wanted)
    settings.apply(wanted)
    gone = "Wi-Fi"
    settings.apply(saved)
    assert programs.store["Thunderbolt Bridge"]["webproxy"] == OFF


def test_one_setting_that_fails_does_not_keep_the_others_from_being_put_back(programs: Programs) -> None:
    def failing(store: Store, words: list[str]) -> str:
        if words[:2] == ["-setproxybypassdomains", "Wi-Fi"]:
            raise WsproxyError("no")
        return networksetup(store, words)

    programs.install(macos, networksetup=failing)
    with pytest.raises(WsproxyError, match="no"):
        MacOS().apply({"Wi-Fi/proxybypassdomains": "", "Wi-Fi/webproxy": "on 127.0.0.1 9000"})
    assert programs.store["Wi-Fi"]["webproxy"]["Server"] == "127.0.0.1"


def test_a_proxy_with_a_password_on_macos_is_left_alone(programs: Programs) -> None:
    programs.install(macos, networksetup=networksetup)
    programs.store["Wi-Fi"] = {"webproxy": {"Enabled": "Yes", "Server": "x", "Port": "1", "password": 1}}
    settings = MacOS()
    with pytest.raises(WsproxyError, match="the proxy of Wi-Fi has a password"):
        settings.save(settings.wanted("127.0.0.1", 9000))


@pytest.mark.parametrize(
    "before",
    [
        {},
        {
            "ProxyEnable": (0, 4),
            "ProxyServer": ("old:3128", 1),
            "ProxyOverride": ("<local>", 1),
            "Other": (7, 4),
        },
        {"AutoConfigURL": ("http://wpad/x.pac", 1), "ProxyEnable": (0, 4)},
    ],
)
def test_windows(before: dict[str, tuple[Any, int]]) -> None:
    registry = Registry()
    registry.values = dict(before)

    def check(found: dict[str, tuple[Any, int]]) -> None:
        assert found["ProxyEnable"] == (1, 4)
        assert found["ProxyServer"] == ("127.0.0.1:9000", 1)
        assert found["ProxyOverride"] == ("<-loopback>", 1)
        assert "AutoConfigURL" not in found

    on_and_off(Windows(registry), lambda: dict(registry.values), check)


def test_what_a_program_says_when_it_fails_is_said() -> None:
    with pytest.raises(WsproxyError, match="sh failed: not permitted") as caught:
        run("sh", "-c", "echo noise; echo not permitted >&2; exit 1")
    assert caught.value.hint.startswith("The call was `sh -c ")
    with pytest.raises(WsproxyError, match="cannot run no-such-program: no such file"):
        run("no-such-program")
