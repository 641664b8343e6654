"""Which browsers are found, and what is said when none is."""

import sys
from pathlib import Path

import pytest

from tests.support.stand_in import stand_in
from wsproxy.browsers import chromium, installed
from wsproxy.errors import UsageError, WsproxyError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in browsers are POSIX programs")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps programs in bundles")
def test_chromium_is_found_before_chrome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    chrome = stand_in(tmp_path, "", "google-chrome")
    assert chromium.find() == chrome

    wanted = stand_in(tmp_path, "", "chromium")
    assert chromium.find() == wanted


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps programs in bundles")
def test_a_browser_is_found_by_the_name_of_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    programs = {
        "edge": stand_in(tmp_path, "", "microsoft-edge"),
        "brave": stand_in(tmp_path, "", "brave-browser"),
        "firefox": stand_in(tmp_path, "", "firefox-esr"),
    }
    for name, program in programs.items():
        family = installed.FIREFOX if name == "firefox" else installed.CHROMIUM
        assert installed.named(name) == installed.Installed(program, family)
        assert installed.named(str(program)) == installed.Installed(program, family)
    assert chromium.find() == programs["edge"]
    assert installed.find().program == programs["edge"]
    programs["edge"].unlink()
    programs["brave"].unlink()
    assert installed.find().program == programs["firefox"]
    with pytest.raises(
        WsproxyError, match=r"no Chrome was found on PATH \(google-chrome-stable, google-chrome\)"
    ):
        installed.named("chrome")


def test_what_is_no_browser_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="there is no browser 'netscape'") as caught:
        installed.named("netscape")
    assert "chromium, chrome, edge, brave, firefox" in caught.value.hint


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps programs in bundles")
def test_what_was_looked_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    stand_in(tmp_path, "", "chromium").chmod(0o644)

    with pytest.raises(WsproxyError) as caught:
        chromium.find()

    for word in ("chromium", "google-chrome", "package `chromium`", "--browser"):
        assert word in str(caught.value)
