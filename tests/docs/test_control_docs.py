"""`wsproxy help control` is complete."""

import re

import pytest

from tests.support import inprocess  # noqa: F401 - imports mitmproxy without its warnings
from wsproxy.control import reference
from wsproxy.control.runfile import RunFile
from wsproxy.engine.control_request import ControlRequest
from wsproxy.engine.control_server import ROUTES

PAGE = reference.PAGE.read_text(encoding="utf-8")


def test_the_objects_are_as_the_code_has_them():
    assert reference.page() == PAGE, "`python -m wsproxy.control.reference` writes them"
    assert "|  |" not in reference.objects(), "a key has no meaning"


def test_every_request_is_documented():
    documented = {
        (method, path.replace("/ID", "/1").replace("/NAME", "/hold_seconds"))
        for method, path in re.findall(r"^\| `([A-Z]+) (/\S+)` \|", PAGE, re.M)
    }
    there = set()
    for path, handler in ROUTES:
        for method in ("get", "post", "put", "patch", "delete"):
            if getattr(handler, method) is not getattr(ControlRequest, method):
                there |= {
                    (method.upper(), request) for name, request in documented if re.fullmatch(path, request)
                }
                assert any(
                    name == method.upper() and re.fullmatch(path, request) for name, request in documented
                ), (method, path)
    assert documented <= there


@pytest.mark.parametrize("key", RunFile.__dataclass_fields__)
def test_every_key_of_a_run_file_is_documented(key):
    assert f"| `{key}` |" in PAGE
