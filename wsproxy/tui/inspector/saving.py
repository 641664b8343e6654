"""Writing what a person asked for into a file of theirs."""

import os
from pathlib import Path


def save(path: Path, data: bytes) -> Path:
    """
    Write a new file that only its owner can read: messages hold passwords.

    Returns:
        Where it is, absolute.

    Raises:
        OSError: it cannot be written, or there is one of that name; that one stays as it is.
    """
    path = path.expanduser().absolute()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return path
