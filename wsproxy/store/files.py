"""
Opening capture files: what they are called, who may read them, and whether they are ours.
"""

import contextlib
import os
import sqlite3
import stat
from datetime import datetime
from pathlib import Path

from wsproxy import config
from wsproxy.errors import CaptureError
from wsproxy.store import schema

SUFFIX = ".wsp"

_HEADER = 100
"""Bytes at the start of every SQLite file."""

_WHAT_IS = "Captures are SQLite files that `wsproxy dump` writes"

_PATIENCE = 60
"""Seconds to wait for a lock. Somebody else's lock is a slow disk, not a broken one."""


def new_path(now: datetime | None = None) -> Path:
    """
    A name for a new capture in the user's data folder, which is created (0700).

    Raises:
        CaptureError: it cannot be.
    """
    folder = config.captures_dir()
    try:
        config.private_dir(folder)
    except OSError as e:
        raise CaptureError(
            f"cannot make the folder of captures {folder}: {_reason(e)}",
            "Choose a file with -w FILE, or set WSPROXY_HOME to a folder of yours",
        ) from None
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
        # A umask may have taken the owner's own rights away.
        path.chmod(0o600)
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
    db = _connect(path, "rw")
    try:
        db.execute("PRAGMA journal_mode = WAL")
        schema.migrate(db, version)
    except sqlite3.Error as e:
        db.close()
        raise CaptureError(f"cannot write {path}: {e}") from None
    return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """
    Open a capture read-only, also while it is being written.

    Raises:
        CaptureError: it is not there, not ours, newer than this program, or not readable.
    """
    version = check(path)
    db = _connect(path, "ro")
    schema.complete(db, version)
    return db


def check(path: Path) -> int:
    """
    Look whether a file is a capture this program can read.

    Returns:
        Its schema version.

    Raises:
        CaptureError: it is not.
    """
    # Looked at, not opened: by closing a file, a process drops the locks it holds on it (POSIX), and
    # this one may be writing the capture.
    try:
        status = path.stat()
    except FileNotFoundError:
        raise CaptureError(f"there is no file {path}", "`wsproxy captures` lists yours") from None
    except OSError as e:
        raise CaptureError(f"cannot read {path}: {_reason(e)}") from None
    if not stat.S_ISREG(status.st_mode):
        what = "is a directory" if stat.S_ISDIR(status.st_mode) else "is not a file"
        raise CaptureError(f"cannot read {path}: {what}")
    if not os.access(path, os.R_OK):
        raise CaptureError(f"cannot read {path}: permission denied")
    if status.st_size < _HEADER:
        # SQLite takes some files that are too small for its own header for empty ones.
        raise CaptureError(_not_ours(path), _WHAT_IS if status.st_size else "It is empty")
    db = _connect(path, "ro")
    try:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as e:
        raise CaptureError(f"cannot read {path}: {e}") from None
    finally:
        db.close()
    if application != schema.APPLICATION_ID:
        raise CaptureError(_not_ours(path), "It is an SQLite file of another program")
    if version < 1:
        raise CaptureError(f"there is nothing in {path}: making it was interrupted")
    if version > schema.VERSION:
        raise CaptureError(
            f"{path} was written by a newer wsproxy (schema {version}, this one knows {schema.VERSION})",
            "Update wsproxy to read it",
        )
    return int(version)


def tidy(path: Path) -> bool:
    """
    Make a capture one plain file, without SQLite's `-wal` and `-shm` beside it.

    Returns:
        Whether that was possible: not while anybody else has it open, or without the right to write.
    """
    try:
        db = _connect(path, "rw")
    except CaptureError:
        return False
    try:
        db.execute("PRAGMA busy_timeout = 0")
        db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error:
        return False
    finally:
        db.close()
    return True


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    name = path.absolute().as_uri()
    db: sqlite3.Connection | None = None
    try:
        db = _open(f"{name}?mode={mode}")
        if mode == "ro":
            db.execute("PRAGMA query_only = 1")
            try:
                db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError as e:
                if e.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                    raise
                # A finished capture in a folder we may not write to: there is no writer to
                # share memory with, so the file may be read as it is.
                db.close()
                if _has_content(log_of(path)):
                    raise CaptureError(
                        f"cannot read {path}: its end is still in {path.name}-wal, in a read-only folder",
                        "Copy both files to a folder of your own",
                    ) from None
                db = _open(f"{name}?immutable=1")
    except sqlite3.Error as e:
        if db:
            db.close()
        if e.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise CaptureError(_not_ours(path), _WHAT_IS) from None
        raise CaptureError(f"cannot read {path}: {e}") from None
    return db


def _open(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_PATIENCE)


def log_of(path: Path) -> Path:
    """Where SQLite keeps what is not in the capture itself yet; there only while it is in use."""
    return path.with_name(f"{path.name}-wal")


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _not_ours(path: Path) -> str:
    return f"{path} is not a wsproxy capture"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
