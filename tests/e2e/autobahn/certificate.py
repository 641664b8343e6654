"""
The server's certificate: made for each run, trusted by nobody.
"""

from pathlib import Path

import trustme


def write(folder: Path) -> Path:
    """Make a PEM file with a key and a certificate for 127.0.0.1 in `folder`, and return it."""
    path = folder / "tls.pem"
    path.touch(mode=0o600)
    issued = trustme.CA().issue_cert("127.0.0.1", "localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(path)
    return path
