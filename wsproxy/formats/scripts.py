"""The scripts a session can become, by name."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from wsproxy.formats.k6 import write_k6
from wsproxy.formats.playwright import write_playwright
from wsproxy.formats.python_scripts import write_locust, write_pytest, write_python
from wsproxy.formats.session import Session
from wsproxy.formats.wscat import write_wscat


class Script(NamedTuple):
    """A form of script."""

    write: Callable[[Session], Iterator[str]]
    """Makes it, in parts."""
    is_server: bool
    """It acts as the server, so it says what the client got."""
    what: str
    """In one line."""


SCRIPTS: dict[str, Script] = {
    "pytest": Script(write_pytest, False, "a test for pytest: the server still says what was recorded"),
    "playwright": Script(
        write_playwright, True, "a mock for Playwright (routeWebSocket): acts as the server"
    ),
    "python": Script(write_python, False, "a program that plays the session and says what differs"),
    "k6": Script(write_k6, False, "load for k6"),
    "locust": Script(write_locust, False, "load for Locust"),
    "wscat": Script(write_wscat, False, "a shell script for wscat"),
}
