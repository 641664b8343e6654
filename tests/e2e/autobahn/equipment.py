"""
What every run needs: the suite, a certificate for its servers, a home for the proxy.
"""

from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.e2e.autobahn import tools


@dataclass(frozen=True)
class Equipment:
    """Made once, used by many runs."""

    python: Path
    """The interpreter that has the suite."""
    tls: Path
    """A PEM file with a key and a certificate that nobody trusts."""
    home: Path
    """`WSPROXY_HOME`, with a certificate authority of its own."""


def equip(private: Path) -> Equipment:
    """
    Get everything ready.

    Args:
        private: a folder for keys, to be removed afterwards.

    Raises:
        PythonMissing: the suite cannot run here.
        BuildFailed: it could not be installed.
    """
    python = tools.ensure()
    tls = private / "tls.pem"
    tls.touch(mode=0o600)
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tls)
    return Equipment(python, tls, private / "home")
