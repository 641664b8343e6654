"""The versions of what matters."""

import platform
import ssl
from importlib import metadata

import wsproxy
from wsproxy.doctor.check import Check

_PACKAGES = ("mitmproxy", "cryptography", "websockets", "uvloop")
_FASTER = "uvloop"
"""Everything works without it, with a third more work."""


def check() -> Check:
    """Of wsproxy, Python and the packages it stands on."""
    found, missing = [f"wsproxy {wsproxy.__version__}", f"Python {platform.python_version()}"], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    found += [ssl.OPENSSL_VERSION.rsplit(" ", 3)[0], f"{platform.system()} {platform.machine()}"]
    said = ", ".join(found)
    needed = [name for name in missing if name != _FASTER]
    if needed:
        return Check(
            "versions",
            "wrong",
            f"{said}; missing: {', '.join(needed)}",
            "Install wsproxy again: `pip install --force-reinstall wsproxy`",
        )
    return Check("versions", "ok", said)
