"""
Opening capture files: what they are called, who may read them, and whether they are ours.
"""

import contextlib
import os
import sqlite3
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from wsproxy import config
from wsproxy.errors import CaptureError
from wsproxy.store import schema

SUFFIX = ".wsp"


def new_path(now: datetime | None = None) -> Path:
    """A name for a new capture in the user's data folder, which is created (0700)."""
    folder = config.private_dir(config.captures_dir())
    stem = (now or datetime.now()).strftime("%Y-%m-%d_%H-%M-%S")
    path = folder / f"{stem}{SUFFIX}"
    number = 2
    while path.exists():
        path = folder / f"{stem}-{number}{SUFFIX}"
        number += 1
    return path


def create(path: Path) -> sqlite3.Connection:
    """
    Make a new capture, readable by its owner alone.

    Raises:
        CaptureError: the file is there already, or cannot be written.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        raise CaptureError(
            f"{path} exists already", f"Choose another name, or append to it with -w +{path}"
        ) from None
    except OSError as e:
        raise CaptureError(
            f"cannot write {path}: {_reason(e)}", "Choose another place with -w FILE"
        ) from None
    db: sqlite3.Connection | None = None
    try:
        db = _connect(path, "rw")
        schema.create(db)
    except sqlite3.Error as e:
        if db:
            db.close()
        with contextlib.suppress(OSError):
            path.unlink()
        raise CaptureError(f"cannot write {path}: {e}", "Choose another place with -w FILE") from None
    return db


def open_to_append(path: Path) -> sqlite3.Connection:
    """
    Open an existing capture for writing, brought up to this program's schema.

    Raises:
        CaptureError: it is not there, not ours, newer than this program, or not writable.
    """
    version = check(path)
    try:
        db = _connect(path, "rw")
        db.execute("PRAGMA journal_mode = WAL")
        schema.migrate(db, version)
    except sqlite3.Error as e:
        raise CaptureError(f"cannot write {path}: {e}") from None
    return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """
    Open a capture read-only, also while it is being written.

    Raises:
        CaptureError: it is not there, not ours, newer than this program, or not readable.
    """
    check(path)
    return _connect(path, "ro")


def check(path: Path) -> int:
    """
    Look whether a file is a capture this program can read.

    Returns:
        Its schema version.

    Raises:
        CaptureError: it is not.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(16)
    except FileNotFoundError:
        raise CaptureError(f"there is no file {path}", "`wsproxy captures` lists yours") from None
    except OSError as e:
        raise CaptureError(f"cannot read {path}: {_reason(e)}") from None
    ours = f"{path} is not a wsproxy capture"
    if magic != b"SQLite format 3\x00":
        raise CaptureError(ours, "Captures are SQLite files that `wsproxy dump` writes")
    db = _connect(path, "ro")
    try:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as e:
        raise CaptureError(f"cannot read {path}: {e}") from None
    finally:
        db.close()
    if application != schema.APPLICATION_ID:
        raise CaptureError(ours, "It is an SQLite file of another program")
    if version > schema.VERSION:
        raise CaptureError(
            f"{path} was written by a newer wsproxy (schema {version}, this one knows {schema.VERSION})",
            "Update wsproxy to read it",
        )
    return int(version)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    name = quote(os.fspath(path.absolute()))
    try:
        db = sqlite3.connect(
            f"file:{name}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=5
        )
        if mode == "ro":
            db.execute("PRAGMA query_only = 1")
            try:
                db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError:
                # A finished capture in a folder we may not write to: there is no writer to
                # share memory with, so the file may be read as it is.
                db.close()
                db = sqlite3.connect(
                    f"file:{name}?immutable=1", uri=True, isolation_level=None, check_same_thread=False
                )
    except sqlite3.Error as e:
        raise CaptureError(f"cannot read {path}: {e}") from None
    return db


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
