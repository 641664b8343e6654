"""
What `wsproxy ca trust` did, in a file of 0600, so that `wsproxy ca untrust` can undo exactly that.

It is written before anything is done: what was interrupted in the middle can be undone, too.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wsproxy import config
from wsproxy.certs import files
from wsproxy.certs.trust.store import Entry, TrustStore
from wsproxy.errors import TrustError

_BY_HAND = "`wsproxy ca guide` says how to take trust away by hand; then move the file away"


class Record:
    """
    Args:
        path: the file; the user's own if None.

    Attributes:
        entries: what was done and not undone, oldest first.

    Raises:
        TrustError: the file cannot be read.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or config.config_dir() / "trust.json"
        self.entries = self._read()

    def of(self, store: TrustStore) -> list[Entry]:
        """What was done to a store."""
        return [
            entry for entry in self.entries if (entry.kind, entry.place) == (store.kind, str(store.place))
        ]

    def add(self, entry: Entry) -> None:
        """
        Remember it.

        Raises:
            TrustError: the file cannot be written.
        """
        self._write([*self.entries, entry])

    def remove(self, entry: Entry) -> None:
        """
        Forget it.

        Raises:
            TrustError: the file cannot be written.
        """
        self._write([kept for kept in self.entries if kept != entry])

    def _read(self) -> list[Entry]:
        try:
            told: list[dict[str, Any]] = json.loads(self.path.read_bytes())
            if not isinstance(told, list):
                raise ValueError("a list is expected")
            entries = [Entry(**{**entry, "made": tuple(entry["made"])}) for entry in told]
            # Raises for what is no certificate.
            return [entry for entry in entries if entry.x509]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise TrustError(f"cannot read {self.path}: {(error.strerror or str(error)).lower()}") from None
        except (ValueError, TypeError, KeyError):
            raise TrustError(
                f"{self.path} does not say what was done to which trust store, as it should", _BY_HAND
            ) from None

    def _write(self, entries: Iterable[Entry]) -> None:
        self.entries = list(entries)
        try:
            if self.entries:
                config.private_dir(self.path.parent)
                data = json.dumps([asdict(entry) for entry in self.entries], indent=1).encode()
                files.publish(self.path, data, files.SECRET)
            elif os.path.lexists(self.path):
                self.path.unlink()
        except OSError as error:
            raise TrustError(f"cannot write {self.path}: {(error.strerror or str(error)).lower()}") from None
