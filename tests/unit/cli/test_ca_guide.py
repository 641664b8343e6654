"""`wsproxy ca guide`: every page of certs/ in the terminal, and nothing that is not a page."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import Result

from wsproxy.cli.ca_guide import pages
from wsproxy.cli.main import main
from wsproxy.config import shared_dir

Run = Callable[..., Result]

PLATFORMS = [
    *("linux", "macos", "windows", "android", "ios", "firefox", "chrome", "node", "python", "java", "go"),
    *("curl", "docker", "electron", "react-native"),
]
CHECKOUT = Path(__file__).parents[3]


def test_there_is_a_page_for_every_platform_and_a_platform_for_every_page() -> None:
    assert sorted(pages()) == sorted(PLATFORMS)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_page_is_printed_as_it_stands(wsproxy: Run, platform: str) -> None:
    done = wsproxy("ca", "guide", platform)

    assert done.exit_code == 0
    assert done.stdout == (shared_dir("certs") / f"{platform}.md").read_text(encoding="utf-8")


def test_without_a_platform_they_are_listed_with_their_titles(wsproxy: Run) -> None:
    done = wsproxy("ca", "guide")

    assert [line.split()[0] for line in done.stdout.splitlines()] == sorted(PLATFORMS)
    assert "linux         Linux: the whole system" in done.stdout


def test_the_overview_links_to_every_page(wsproxy: Run) -> None:
    text = wsproxy("ca", "guide", "about").stdout

    for platform in PLATFORMS:
        assert f"[{platform}]({platform}.md)" in text


@pytest.mark.parametrize(("said", "page"), [("Debian", "linux"), ("LINUX", "linux"), ("iphone", "ios")])
def test_other_names_lead_to_the_page(wsproxy: Run, said: str, page: str) -> None:
    assert wsproxy("ca", "guide", said).stdout == wsproxy("ca", "guide", page).stdout


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("firefx", "Did you mean 'firefox'?"),
        ("../README", "`wsproxy ca guide` lists them"),
        ("", "lists them"),
    ],
)
def test_an_unknown_platform_is_a_wrong_call(wsproxy: Run, said: str, hint: str) -> None:
    done = wsproxy("ca", "guide", said)

    assert done.exit_code == 2
    assert "there is no guide for" in done.stderr
    assert hint in done.stderr


def test_the_shell_completes_platforms() -> None:
    complete = ShellComplete(main, {}, "wsproxy", "_WSPROXY_COMPLETE")

    def values(incomplete: str) -> list[str]:
        return [item.value for item in complete.get_completions(["ca", "guide"], incomplete)]

    assert sorted(values("")) == sorted(PLATFORMS)
    assert values("re") == ["react-native"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_page_that_changes_something_says_how_to_undo_it(platform: str) -> None:
    text = pages()[platform].read_text(encoding="utf-8")

    assert any(
        words in text for words in ("Undo", "nothing to undo", "One command", "nothing has to be trusted")
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize(
    "name", ["ca.pem", "private.key", "ca.p12", "ca.pfx", "trust.jks", "ca.crt", "ca.cer"]
)
def test_git_refuses_what_could_hold_a_key_in_the_folder_of_guides(tmp_path: Path, name: str) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "certs").mkdir()
    shutil.copy(CHECKOUT / "certs" / ".gitignore", tmp_path / "certs")
    (tmp_path / "certs" / name).touch()
    (tmp_path / "certs" / "linux.md").touch()

    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)

    added = subprocess.run(
        ["git", "-C", str(tmp_path), "ls-files"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert sorted(added) == ["certs/.gitignore", "certs/linux.md"]
