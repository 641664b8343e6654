"""Filters kept by name in the user's config folder."""

import stat
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wsproxy.errors import UsageError, WsproxyError
from wsproxy.filters import saved


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own place for everything, empty."""
    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_there_are_none_at_first() -> None:
    assert saved.load() == {}


def test_they_are_kept_in_the_order_they_came(home: Path) -> None:
    assert saved.save("noise", "~ping | ~pong") is False
    assert saved.save("a-1", '~b "x\\"y"') is False
    assert saved.save("noise", "~ping") is True
    assert list(saved.load().items()) == [("noise", "~ping"), ("a-1", '~b "x\\"y"')]
    assert saved.get("noise") == "~ping"
    assert (home / "filters.toml").read_text().startswith('noise = "~ping"\n')


def test_they_are_removed_by_name() -> None:
    saved.save("noise", "~ping")
    saved.remove("noise")
    assert saved.load() == {}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_only_their_owner_can_read_them(home: Path) -> None:
    saved.save("noise", "~ping")
    assert stat.S_IMODE((home / "filters.toml").stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["filters.toml"]


def test_what_a_person_wrote_around_them_stays(home: Path) -> None:
    home.mkdir()
    (home / "filters.toml").write_text("# mine\nnoise = '~ping' # beats\n\nother = '~text'\n")
    saved.save("new", "~up")
    saved.remove("other")
    assert (home / "filters.toml").read_text() == "# mine\nnoise = '~ping' # beats\n\nnew = \"~up\"\n"


def test_a_linked_file_stays_a_link(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (tmp_path / "dotfiles.toml").write_text("")
    (home / "filters.toml").symlink_to(tmp_path / "dotfiles.toml")
    saved.save("noise", "~ping")
    assert (home / "filters.toml").is_symlink()
    assert "~ping" in (tmp_path / "dotfiles.toml").read_text()


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_as_it_was(text: str) -> None:
    saved.save("any", text)
    assert saved.get("any") == text


@pytest.mark.parametrize("name", ["", "a b", "@a", "a.b", "ä", "x" * 65])
def test_a_name_is_one_plain_word(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a filter"):
        saved.save(name, "~ping")


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    saved.save("noise", "~ping")
    for call in (saved.get, saved.remove):
        with pytest.raises(UsageError, match=r"there is no saved filter 'nosie'\. Did you mean noise\?"):
            call("nosie")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"noise = ", "cannot read .*: Invalid value"),
        (b"\xff", "cannot read .*: it is not UTF-8"),
        (b"noise = 3", "the filter noise is not a string"),
        (b"[noise]\na = 'x'", "the filter noise is not a string"),
    ],
)
def test_a_damaged_file_is_told_and_left_alone(home: Path, text: bytes, problem: str) -> None:
    home.mkdir()
    (home / "filters.toml").write_bytes(text)
    for call in (
        saved.load,
        lambda: saved.get("a"),
        lambda: saved.save("a", "~up"),
        lambda: saved.remove("a"),
    ):
        with pytest.raises(WsproxyError, match=problem):
            call()
    assert (home / "filters.toml").read_bytes() == text


def test_a_place_that_cannot_be_written_is_told(home: Path) -> None:
    home.parent.joinpath("home").write_text("a file, not a folder")
    with pytest.raises(WsproxyError, match=r"cannot (read|write)"):
        saved.save("a", "~up")


def test_bytes_that_are_no_text_are_not_saved() -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        saved.save("a", "~b \udcff")
    assert saved.load() == {}
