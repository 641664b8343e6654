"""The switches of Chromium and its relatives."""

import os
import sys
from pathlib import Path

import pytest

from tests.support.stand_in import switch
from wsproxy.browsers import chromium


def test_everything_goes_through_the_proxy_loopback_included() -> None:
    arguments = chromium.switches(Path("/profile"), "127.0.0.1:8081", [], headless=False)

    assert switch(arguments, "proxy-server") == "http://127.0.0.1:8081"
    assert switch(arguments, "proxy-bypass-list") == "<-loopback>"
    assert "--disable-quic" in arguments


def test_only_the_pinned_keys_are_accepted_without_an_authority() -> None:
    none = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=False)
    two = chromium.switches(Path("/profile"), "127.0.0.1:8080", ["one=", "two="], headless=False)

    assert not [argument for argument in none if "ignore-certificate-errors" in argument]
    assert switch(two, "ignore-certificate-errors-spki-list") == "one=,two="
    assert "--ignore-certificate-errors" not in two
    assert switch(two, "user-data-dir") == "/profile"


def test_a_window_is_the_default() -> None:
    shown = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=False)
    hidden = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=True)

    assert set(hidden) - set(shown) == {"--headless=new"}


@pytest.mark.parametrize(("user", "unsandboxed"), [(0, True), (1000, False)])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux refuses the sandbox to root")
def test_the_sandbox_is_given_up_for_root_alone(
    monkeypatch: pytest.MonkeyPatch, user: int, unsandboxed: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)

    arguments = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=False)

    assert ("--no-sandbox" in arguments) is unsandboxed
