"""
OpenSSL beyond Python's `ssl`: its own tools, which change keys and renegotiate on command, and what
a TLS 1.3 peer may say at any time after its handshake.
"""

import _ssl
import asyncio
import contextlib
import ctypes
import fcntl
import os
import re
import shutil
import ssl
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

KEY_UPDATE_NOT_REQUESTED, KEY_UPDATE_REQUESTED = 0, 1

_entries: dict[int, int] = {}
"""The pipes that running tools read from, by process id."""


@asynccontextmanager
async def openssl(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One of OpenSSL's tools, for the time of the block; what fails there notes what it has said last."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("needs the openssl program")
    entrance, entry = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            program, *arguments,
            stdin=entrance, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        os.close(entrance)
        _entries[process.pid] = entry
        try:
            yield process
        except BaseException as error:
            process.kill()
            assert process.stdout is not None
            error.add_note(f"openssl said last: {await process.stdout.read()!r}")
            raise
        finally:
            del _entries[process.pid]
            # It may have ended by itself.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            process._transport.close()  # type: ignore[attr-defined]
    finally:
        os.close(entry)


async def printed(process: asyncio.subprocess.Process, text: bytes) -> bytes:
    """What a tool has printed up to `text`, and a little more."""
    assert process.stdout is not None
    found = b""
    async with asyncio.timeout(30):
        while text not in found:
            data = await process.stdout.read(1 << 16)
            assert data, found
            found += data
    return found


async def accepting(process: asyncio.subprocess.Process) -> int:
    """The port `s_server` listens on."""
    assert process.stdout is not None
    while not (found := re.match(rb"ACCEPT .*:(\d+)", await process.stdout.readline())):
        pass
    return int(found[1])


async def enter(process: asyncio.subprocess.Process, data: bytes) -> None:
    """One read of the tool's: a command is a command only at the beginning of one."""
    entry = _entries[process.pid]
    os.write(entry, data)
    async with asyncio.timeout(30):
        # Until it has read all of it.
        while any(fcntl.ioctl(entry, termios.FIONREAD, bytes(4))):
            await asyncio.sleep(0.005)


def add_ticket(tls: ssl.SSLObject) -> None:
    """A TLS 1.3 server's new session ticket (RFC 8446 section 4.6.1) goes out with what it sends next."""
    assert _call(tls, "SSL_new_session_ticket") == 1


def change_keys(tls: ssl.SSLObject, how: int) -> None:
    """New keys go out with what is sent next (section 4.6.3); `how`: whether the peer must change, too."""
    assert _call(tls, "SSL_key_update", how) == 1


def _call(tls: ssl.SSLObject, name: str, *arguments: int) -> int:
    library = ctypes.CDLL(_ssl.__file__)
    if not hasattr(library, name):
        pytest.skip(f"needs a Python that shares OpenSSL with others, and its {name}")
    # Modules/_ssl.c, PySSLSocket: the object's head, a reference to a socket, the `SSL *`.
    inside = tls._sslobj  # type: ignore[attr-defined]
    field = id(inside) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
    pointer = ctypes.c_void_p.from_address(field)
    result: int = getattr(library, name)(pointer, *arguments)
    return result
