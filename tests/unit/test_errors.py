"""Errors for people: one sentence, a hint, and an exit code."""

import re

import pytest

from wsproxy import errors
from wsproxy.errors import AuthorityError, CaptureError, EngineError, UsageError, WsproxyError


def test_an_error_is_a_sentence_and_a_hint() -> None:
    error = WsproxyError("the disk is full", "Free some space")
    assert (error.message, error.hint) == ("the disk is full", "Free some space")
    assert str(error) == "the disk is full. Free some space"


def test_an_error_without_a_hint_is_its_sentence_alone() -> None:
    assert str(WsproxyError("the disk is full")) == "the disk is full"


@pytest.mark.parametrize(
    ("kind", "code"),
    [(WsproxyError, 3), (UsageError, 2), (CaptureError, 3), (AuthorityError, 3), (EngineError, 3)],
)
def test_every_error_has_the_exit_code_of_the_command_that_met_it(
    kind: type[WsproxyError], code: int
) -> None:
    assert kind("x").exit_code == code
    assert issubclass(kind, WsproxyError)


def test_the_tree_at_the_top_of_the_module_is_complete() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert errors.__doc__ is not None
    for kind in kinds:
        assert re.search(rf" {kind.__name__} +{kind.exit_code}  \w", errors.__doc__)
