"""What people install: the wheel has the package, the addons, the guides, and nothing that could be a key."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    [built] = WheelBuilder(str(REPOSITORY)).build(directory=str(folder), versions=["standard"])
    return Path(built)


def test_it_has_every_guide_addon_and_page(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())

    for folder, pattern, place in (
        ("certs", "*.md", "wsproxy/_data/certs"),
        ("addons", "*.py", "wsproxy/_data/addons"),
        ("wsproxy/docs", "*.md", "wsproxy/docs"),
    ):
        files = list((REPOSITORY / folder).glob(pattern))
        assert files
        assert {f"{place}/{file.name}" for file in files} <= packed
    # Those of the README, which is read in the repository.
    assert not [name for name in packed if "pictures" in name]
    suffixes = {Path(name).suffix for name in packed}
    assert not suffixes & {".pem", ".key", ".p12", ".crt", ".cer", ".jks", ".wsp"}


def test_unpacked_anywhere_it_prints_its_guides(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "wsproxy", "ca", "guide", "react-native"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == (REPOSITORY / "certs" / "react-native.md").read_text(encoding="utf-8")
    (tmp_path / "wsproxy/_data/certs/go.md").write_text("# Unpacked\n")
    again = subprocess.run(
        [sys.executable, "-m", "wsproxy", "ca", "guide", "go"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout == "# Unpacked\n"
