"""
Firefox behind the proxy.

It keeps authorities in a database of each profile. Ours goes into the one of its own profile, by `certutil`
of Mozilla's NSS, and nowhere else. Its preferences stand in `user.js` there; they are described in Firefox's
sources, modules/libpref/init/StaticPrefList.yaml and all.js.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wsproxy.browsers.installed import profile_parent
from wsproxy.browsers.session import Browser
from wsproxy.errors import UsageError, WsproxyError

_NICKNAME = "wsproxy"

Value = str | int | bool

_QUIET: dict[str, Value] = {
    # No questions and no pages of its own.
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "browser.newtabpage.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "trailhead.firstrun.didSeeAboutWelcome": True,
    "termsofuse.bypassNotification": True,
    # No traffic of its own in the log; the push service even talks on a WebSocket.
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "app.update.background.interval": 2147483647,
    "browser.region.update.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "data:,",
    "toolkit.telemetry.unified": False,
    # It would ask for https where http was typed.
    "dom.security.https_first": False,
    "dom.security.https_first_schemeless": False,
}


def launch(
    binary: Path,
    proxy: tuple[str, int],
    certificate: Path,
    url: str | None = None,
    headless: bool = False,
    extra: Sequence[str] = (),
    *,
    profile: Path | None = None,
    show_output: bool = False,
) -> Browser:
    """
    Start a Firefox in a profile of its own, behind the proxy, loopback addresses included.

    Args:
        binary: Firefox, or something that takes its options.
        proxy: host and port of an HTTP proxy.
        certificate: the authority to trust in this profile, PEM.
        url: the first page; an empty one if None.
        headless: without a window.
        extra: more options.
        profile: a folder to be used and kept; a fresh one that is removed if None.
        show_output: let the browser write to our stderr.

    Returns:
        The running browser, to be closed by the caller.

    Raises:
        UsageError: `url` looks like an option.
        WsproxyError: `certutil` is missing or fails, or the browser cannot be started.
    """
    page = url or "about:blank"
    if page.startswith("-"):
        raise UsageError(f"{page} is not a URL", "A URL begins with its scheme, as in https://example.com/.")

    def command(folder: Path) -> list[str]:
        _trust(folder, certificate)
        (folder / "user.js").write_text(preferences(*proxy), encoding="utf-8")
        mode = ["--headless"] if headless else []
        return [str(binary), "--no-remote", "--new-instance", "--profile", str(folder), *mode, *extra, page]

    def variables(folder: Path) -> dict[str, str]:
        found = {"MOZ_CRASHREPORTER_DISABLE": "1"}
        if profile is None and os.name == "posix":
            # Locks of its start stay there, where it is ended early.
            (folder / "tmp").mkdir(mode=0o700)
            found["TMPDIR"] = str(folder / "tmp")
        return found

    missing = [folder for folder in _made_in_passing() if not folder.exists()]
    return Browser(
        command,
        variables=variables,
        made=missing,
        parent=profile_parent(binary),
        kept=profile,
        show_output=show_output,
    )


def _made_in_passing() -> list[Path]:
    """Folders that it makes in the user's home wherever its profile is, outer ones first; on Linux."""
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    found = [home / "Downloads", cache, cache / "mozilla", cache / "mozilla" / "firefox", config]
    own = [home / ".mozilla" / "firefox", *(config / "mozilla" / name for name in ("firefox", "firefox-esr"))]
    for folder in own:
        reports = folder / "Crash Reports"
        found += [folder.parent, folder, reports, reports / "events", folder / "Pending Pings"]
    return found


def preferences(host: str, port: int) -> str:
    """The content of `user.js`."""
    values: dict[str, Value] = {
        **_QUIET,
        "network.proxy.type": 1,
        "network.proxy.http": host,
        "network.proxy.http_port": port,
        "network.proxy.ssl": host,
        "network.proxy.ssl_port": port,
        "network.proxy.no_proxies_on": "",
        # Otherwise localhost, where most sites in need of debugging are, goes around the proxy.
        "network.proxy.allow_hijacking_localhost": True,
        # When the proxy does not answer, that is to be seen.
        "network.proxy.failover_direct": False,
        # HTTP/3 would go around it too.
        "network.http.http3.enable": False,
    }
    return "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in values.items())


def _trust(profile: Path, certificate: Path) -> None:
    """Make the profile's database of certificates, with ours in it."""
    database = f"sql:{profile}"
    if not (profile / "cert9.db").exists():
        _certutil("-N", "--empty-password", "-d", database)
    else:
        # Of an earlier proxy, in a profile that was kept.
        _certutil("-D", "-n", _NICKNAME, "-d", database, check=False)
    _certutil("-A", "-n", _NICKNAME, "-t", "C,,", "-i", str(certificate), "-d", database)


def _certutil(*arguments: str, check: bool = True) -> None:
    program = shutil.which("certutil")
    # Windows has another program of that name.
    if program is None or sys.platform == "win32":
        raise WsproxyError(
            "Firefox needs `certutil` of Mozilla's NSS to trust the proxy, and it is not on PATH",
            "Install `libnss3-tools` (Debian), `nss-tools` (Fedora) or `nss` (Arch, Homebrew), "
            "or use --browser chromium.",
        )
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WsproxyError(f"certutil could not prepare the profile: {said}")
