"""Browsers for `wsproxy browser`."""

import contextlib

from wsproxy.browsers import chromium, installed
from wsproxy.doctor.check import Check
from wsproxy.errors import WsproxyError


def check() -> Check:
    """Which ones are installed."""
    found: list[installed.Installed] = []
    for kind in installed.KINDS:
        with contextlib.suppress(WsproxyError):
            found.append(installed.find(kind.name))
    if not found:
        try:
            installed.find()
        except WsproxyError as error:
            return Check("browser", "note", error.message, error.hint)
    programs = ", ".join(str(browser.program) for browser in found)
    unsandboxed = chromium.runs_unsandboxed() and any(b.family == installed.CHROMIUM for b in found)
    rooted = "; as root Chromium runs without its sandbox" if unsandboxed else ""
    return Check("browser", "ok", f"{programs}{rooted}")
