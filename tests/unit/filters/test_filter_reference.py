"""The page about filters says what the operators say."""

import re
import subprocess
import sys

from wsproxy.filters import reference
from wsproxy.filters.operators import OPERATORS
from wsproxy.filters.parser import parse


def test_the_page_is_in_step() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), (
        "run `python -m wsproxy.filters.reference`"
    )


def test_it_has_every_operator_under_every_name() -> None:
    for operator in OPERATORS:
        for name in operator.names:
            assert f"`{name}`" in reference.page()


def test_every_filter_it_shows_is_one() -> None:
    shown = re.findall(r"-f '([^'@]+)'", reference.page())
    shown += re.findall(r"\| `(~json [^`]+)`", reference.page())
    assert len(shown) > 8
    for text in shown:
        parse(text.replace("\\|", "|"))


def test_it_is_written_on_demand() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wsproxy.filters.reference"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(reference.PAGE)
