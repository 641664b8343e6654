"""
Our options among mitmproxy's.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy.test import taddons

from wsproxy.engine import settings
from wsproxy.store.limits import KIB, MIB, Limits

SIZES = ["frame_limit", "message_limit", "body_limit", "queue_limit"]


@pytest.fixture
async def options() -> AsyncIterator[Any]:
    # In a loop: without one, mitmproxy makes its own and leaves it open.
    with taddons.context(settings.Settings()) as addons:
        yield addons.options


def test_nothing_set_means_the_default_limits(options: Any) -> None:
    assert settings.limits() == Limits()


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize(
    ("value", "size"), [("1", 1), ("500k", 500 * KIB), ("3m", 3 * MIB), ("2g", 2048 * MIB)]
)
def test_a_size_may_have_a_unit(options: Any, name: str, value: str, size: int) -> None:
    options.set(f"{name}={value}")
    assert getattr(settings.limits(), name.removesuffix("_limit")) == size


def test_each_option_sets_its_own_limit(options: Any) -> None:
    for number, name in enumerate(SIZES, 1):
        options.set(f"{name}={number}k")
    found = settings.limits()
    assert [found.frame, found.message, found.body, found.queue] == [KIB, 2 * KIB, 3 * KIB, 4 * KIB]


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", ["", "0", "-1", "many", "1x", "k"])
def test_what_is_no_size_is_refused_by_name(options: Any, name: str, value: str) -> None:
    with pytest.raises(exceptions.OptionsError, match=f"{name} is a size such as 500k or 64m, not '{value}'"):
        options.set(f"{name}={value}")


def test_the_fast_path_is_on_until_switched_off(options: Any) -> None:
    assert options.fast_path is True
    options.set("fast_path=false")
    assert options.fast_path is False


def test_frames_are_recorded_until_that_is_switched_off(options: Any) -> None:
    assert options.record is True
    options.set("record=false")
    assert options.record is False


def test_every_option_says_what_it_is_for(options: Any) -> None:
    for name in [*SIZES, "fast_path", "record"]:
        assert options._options[name].help.strip().endswith(".")
