"""Our own processes: what lies in the folder where we are called has no say in them."""

import subprocess
from pathlib import Path

import pytest

from wsproxy.children import own


def test_modules_of_the_working_directory_are_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("signal", "click", "wsproxy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not the real one')")
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(own("wsproxy", "--version"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("wsproxy")
