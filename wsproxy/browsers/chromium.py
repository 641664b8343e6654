"""
Chromium, Chrome, Edge and Brave behind the proxy.

Of all certificates that no authority vouches for, the browser is told to accept those with our
key and no others, in its own throw-away profile: nothing has to be trusted anywhere. The switches
are described in Chromium's sources, `--ignore-certificate-errors-spki-list` in
services/network/public/cpp/network_switches.cc; it counts only beside `--user-data-dir`.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wsproxy.browsers import installed
from wsproxy.browsers.session import Browser
from wsproxy.errors import UsageError

_QUIET = (
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-search-engine-choice-screen",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-pings",
    # Otherwise macOS and some desktops ask for the password of the key chain.
    "--password-store=basic",
    "--use-mock-keychain",
    # Requests of the browser's own, and HttpsUpgrades, which asks for https where http was typed.
    "--disable-features=HttpsUpgrades,MediaRouter,NetworkTimeServiceQuerying,"
    "OptimizationGuideModelDownloading,OptimizationHints,Translate",
)
"""What keeps a fresh profile from questions, and most of the browser's own traffic out of the log."""


_LONGEST = 60
"""Of a temporary folder's path: that of a socket below it must fit into 104 bytes (unix(4))."""


def find() -> Path:
    """
    The program of an installed browser of the family, Chromium first.

    Raises:
        WsproxyError: none was found; the message names what was looked for.
    """
    return installed.find(
        *(kind.name for kind in installed.KINDS if kind.family == installed.CHROMIUM)
    ).program


def launch(
    binary: Path,
    proxy: str = "127.0.0.1:8080",
    pins: Sequence[str] = (),
    url: str | None = None,
    headless: bool = False,
    extra: Sequence[str] = (),
    *,
    app: bool = False,
    profile: Path | None = None,
    show_output: bool = False,
) -> Browser:
    """
    Start a browser in a profile of its own, behind the proxy, loopback addresses included.

    Args:
        binary: Chromium, Chrome, or something that takes their switches.
        proxy: `host:port` of an HTTP proxy; an IPv6 address stands in brackets.
        pins: keys to accept without an authority, as `wsproxy.certs.spki_pin` gives them. One
            must be in the chain that the proxy serves; mitmproxy signs servers over the
            authority's own key, so the pin of the authority is enough.
        url: the first page; an empty one if None.
        headless: without a window.
        extra: more switches.
        app: a window for `url` alone, without tabs and address.
        profile: a folder to be used and kept; a fresh one that is removed if None.
        show_output: let the browser write to our stderr.

    Returns:
        The running browser, to be closed by the caller.

    Raises:
        UsageError: `url` looks like a switch.
        WsproxyError: the browser cannot be started.
    """
    page = url or "about:blank"
    if page.startswith("-"):
        raise UsageError(f"{page} is not a URL", "A URL begins with its scheme, as in https://example.com/.")

    first = f"--app={page}" if app else page

    def command(folder: Path) -> list[str]:
        return [str(binary), *switches(folder, proxy, pins, headless), *extra, first]

    parent = installed.profile_parent(binary)
    return Browser(
        command,
        variables=_variables,
        parent=parent,
        kept=profile,
        show_output=show_output,
    )


def _variables(profile: Path) -> dict[str, str]:
    # Otherwise reports of crashes go beside the user's own profiles, wherever this one is.
    found = {"BREAKPAD_DUMP_LOCATION": str(profile / "Crash Reports")}
    if os.name == "posix" and len(tempfile.gettempdir()) > _LONGEST:
        found["TMPDIR"] = "/tmp"
    return found


def switches(profile: Path, proxy: str, pins: Sequence[str], headless: bool) -> list[str]:
    """The switches for a browser with this `profile`; the other arguments are those of `launch`."""
    chosen = [
        f"--user-data-dir={profile}",
        f"--proxy-server=http://{proxy}",
        # Otherwise localhost, where most sites in need of debugging are, goes around the proxy.
        "--proxy-bypass-list=<-loopback>",
        # HTTP/3 would go around it too.
        "--disable-quic",
        *_QUIET,
    ]
    if pins:
        chosen.append(f"--ignore-certificate-errors-spki-list={','.join(pins)}")
    if headless:
        chosen.append("--headless=new")
    if runs_unsandboxed():
        chosen.append("--no-sandbox")
    return chosen


def runs_unsandboxed() -> bool:
    """Whether the browser gets `--no-sandbox`: on Linux it refuses to start for root without it."""
    return sys.platform.startswith("linux") and os.geteuid() == 0
