"""
The one place that knows where things live.

`WSPROXY_HOME` moves all of it to one folder, which is what tests and containers want; otherwise
each platform's own conventions hold (`platformdirs`).
"""

import os
import warnings
from pathlib import Path

import platformdirs

APP = "wsproxy"


def _home() -> Path | None:
    value = os.environ.get("WSPROXY_HOME")
    return Path(value).expanduser() if value else None


def data_dir() -> Path:
    """The user's data folder; not created."""
    return _home() or Path(platformdirs.user_data_dir(APP, appauthor=False))


def captures_dir() -> Path:
    """Where captures go when no file is named; not created."""
    return data_dir() / "captures"


def config_dir() -> Path:
    """Where the user's settings are; not created."""
    return _home() or Path(platformdirs.user_config_dir(APP, appauthor=False))


def ca_dir() -> Path:
    """The folder of the user's certificate authority (mitmproxy's `confdir`); not created."""
    return config_dir() / "ca"


def runtime_dir() -> Path:
    """
    Where running proxies say how they are reached (`wsproxy.control.runfile`); not created.

    Raises:
        OSError: the platform's place for such files is not safe.
    """
    home = _home()
    if home:
        return home / "run"
    with warnings.catch_warnings():
        # That the session has no folder for such files concerns nobody: the one used instead is
        # looked at before anything is written to it.
        warnings.simplefilter("ignore", UserWarning)
        return Path(platformdirs.user_runtime_dir(APP, appauthor=False))


def shared_dir(name: str) -> Path:
    """
    The folder of shipped data.

    Args:
        name: `addons` or `certs`.

    Returns:
        The folder inside the installed package, or at the top of the checkout.

    Raises:
        FileNotFoundError: neither is there, so the installation is damaged.
    """
    package = Path(__file__).resolve().parent
    for place in (package / "_data" / name, package.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"the shipped folder {name!r} is missing from this installation")


def private_dir(path: Path) -> Path:
    """Return `path`; where it is missing it is made, for its owner alone (0700), as are its parents."""
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            folder.mkdir(exist_ok=True, mode=0o700)
            # A umask may have taken rights away from the owner, too.
            folder.chmod(0o700)
    return path
