"""Variables in the syntax of shells: what the shell understands is what was meant, and can be undone."""

import os
import shutil
import subprocess

import pytest

from wsproxy.clients import shells
from wsproxy.errors import UsageError

AWKWARD = """it's "$HOME" `id` \\ %PATH% !x; #y é"""


@pytest.mark.parametrize("shell", [name for name in ("sh", "bash", "dash", "zsh") if shutil.which(name)])
def test_a_shell_reads_what_was_meant(shell: str) -> None:
    text = shells.written({"NAME": AWKWARD, "HOME": None}, "sh")
    done = subprocess.run(
        [shell, "-c", f'{text}\nprintf %s "$NAME${{HOME-}}"'], capture_output=True, text=True, check=True
    )
    assert done.stdout == AWKWARD


def test_fish_and_powershell_quote_as_they_document_it() -> None:
    assert shells.written({"A": "it's \\ $x", "B": None}, "fish") == "set -gx A 'it\\'s \\\\ $x'\nset -e B\n"
    assert shells.written({"A": "it's $x", "B": None}, "powershell") == (
        "$Env:A = 'it''s $x'\nRemove-Item -ErrorAction Ignore Env:B\n"
    )


def test_a_dotenv_file_has_no_quotes() -> None:
    assert shells.written({"A": "-Da=1 -Db=2"}, "dotenv") == "A=-Da=1 -Db=2\n"


def test_the_way_back_restores_what_was_there_and_takes_away_what_was_not() -> None:
    before = {"https_proxy": "http://company:3128", "OTHER": "x"}
    wanted = shells.with_way_back({"https_proxy": "ours", "SSL_CERT_FILE": "bundle"}, before)
    assert wanted["https_proxy"] == "ours"
    # Done twice, it still leads back to the beginning.
    again = shells.with_way_back({"https_proxy": "another"}, {**before, **wanted})
    assert shells.way_back({**before, **again}) == {
        "https_proxy": "http://company:3128",
        "SSL_CERT_FILE": None,
        shells.BEFORE: None,
    }


@pytest.mark.parametrize("damaged", ["!", "W10=", "MQ=="])
def test_without_a_way_back_that_is_said(damaged: str) -> None:
    with pytest.raises(UsageError, match="not set up by `wsproxy env`"):
        shells.way_back(dict(os.environ))
    with pytest.raises(UsageError, match="Open a new shell"):
        shells.way_back({shells.BEFORE: damaged})
