"""The pictures of the README: made by the script that says so, of what is there."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "wsproxy" / "docs" / "pictures"
SHOWN = {
    "browse": ("whispered", "/socket.io/", "Decoded", "Inspect"),
    "frame": ("RSV1", "permessage-deflate", "Handshake"),
    "hold": ("Darjeeling", "psst", "~event say", "Release edited"),
    "compose": ("Assam", "even if it breaks the protocol"),
    "statistics": ("Latency of calls", "socketio"),
}
"""What must be on each."""
LARGEST = 120_000
"""Bytes of a picture."""


def words(path: Path) -> str:
    """The text of a picture."""
    return "".join(ElementTree.parse(path).getroot().itertext()).replace("\xa0", " ")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_script_takes_every_picture_of_the_real_app(tmp_path: Path) -> None:
    script = ROOT / "tests" / "screenshots.py"
    given = ["--folder", str(tmp_path), "--port", "0", "--listen-port", "0"]
    done = subprocess.run(
        [sys.executable, str(script), *given], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in tmp_path.iterdir()} == set(SHOWN)
    for name, expected in SHOWN.items():
        found = words(tmp_path / f"{name}.svg")
        for word in expected:
            assert word in found, (name, word)


@pytest.mark.parametrize("name", SHOWN)
def test_every_picture_is_in_the_repository_and_in_the_readme(name: str) -> None:
    path = PICTURES / f"{name}.svg"
    found = words(path)
    for word in SHOWN[name]:
        assert word in found
    assert path.stat().st_size < LARGEST
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"wsproxy/docs/pictures/{name}.svg" in readme


def test_no_picture_lies_about_that_nobody_takes_any_more() -> None:
    assert {path.name for path in PICTURES.iterdir()} == {f"{name}.svg" for name in SHOWN}
    shown = re.findall(r"pictures/(\w+)\.svg", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert set(shown) == set(SHOWN)
