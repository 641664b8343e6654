"""Where things live."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from wsproxy import config


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path))
    return tmp_path


def test_one_folder_may_hold_everything(home: Path) -> None:
    assert config.data_dir() == home
    assert config.captures_dir() == home / "captures"
    assert config.ca_dir() == home / "ca"


def test_that_folder_may_be_named_from_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSPROXY_HOME", "~/somewhere")
    assert config.data_dir() == Path.home() / "somewhere"


@pytest.mark.parametrize("value", [None, ""])
def test_without_it_the_platform_decides(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv("WSPROXY_HOME", raising=False)
    else:
        monkeypatch.setenv("WSPROXY_HOME", value)
    assert config.data_dir() == Path(platformdirs.user_data_dir("wsproxy", appauthor=False))
    assert config.captures_dir() == config.data_dir() / "captures"
    assert config.ca_dir() == Path(platformdirs.user_config_dir("wsproxy", appauthor=False)) / "ca"


def test_asking_for_a_place_makes_nothing(home: Path) -> None:
    config.data_dir(), config.captures_dir(), config.ca_dir()
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", ["addons", "certs"])
def test_shipped_data_is_beside_the_package_or_inside_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "wsproxy"
    monkeypatch.setattr(config, "__file__", str(package / "config.py"))
    with pytest.raises(FileNotFoundError, match=f"the shipped folder '{name}' is missing"):
        config.shared_dir(name)
    (tmp_path / name).mkdir()
    assert config.shared_dir(name) == tmp_path / name
    (package / "_data" / name).mkdir(parents=True)
    assert config.shared_dir(name) == package / "_data" / name


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_private_folders_are_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    before = os.umask(0)
    try:
        assert config.private_dir(folder) == folder
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert config.private_dir(folder) == folder


def test_a_session_without_a_folder_for_run_files_is_not_told_about_it() -> None:
    code = "from wsproxy import config; print(config.runtime_dir())"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "WSPROXY_"))
    }
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert (told.stdout != "", told.stderr) == (True, "")
