"""The script against the origin: straight, through a real proxy, and when something is wrong."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from wsproxy.demo import script
from wsproxy.demo.endpoints import ENDPOINTS
from wsproxy.demo.origin import Origin
from wsproxy.demo.script import drive
from wsproxy.demo.steps import STEPS
from wsproxy.errors import WsproxyError


class Report:
    """What the script reported."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[bool, str]] = {}

    def __call__(self, name: str, right: bool, detail: str) -> None:
        assert name not in self.steps
        self.steps[name] = (right, detail)

    @property
    def wrong(self) -> dict[str, str]:
        return {name: detail for name, (right, detail) in self.steps.items() if not right}


@asynccontextmanager
async def mitmdump(confdir: Path, trusted: Path) -> AsyncIterator[str]:
    """mitmproxy's own command line program on a free port; gives its URL."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("mitmdump")),
        *("--listen-host", "127.0.0.1", "--listen-port", "0"),
        *("--set", f"confdir={confdir}", "--set", f"ssl_verify_upstream_trusted_ca={trusted}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    output = ""
    try:
        async with asyncio.timeout(60):
            while not (found := re.search(r"listening at \*?([\d.]+:\d+)", output)):
                line = await process.stdout.readline()
                assert line, f"mitmdump ended: {output}"
                output += line.decode()
        # Its log is read on, or a full pipe would stop it.
        drain = asyncio.ensure_future(process.stdout.read())
        yield f"http://{found[1]}"
        process.terminate()
        await drain
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def test_every_endpoint_has_a_step_and_a_page() -> None:
    names = [endpoint.name for endpoint in ENDPOINTS]
    assert len(set(names)) == len(names)
    assert [name for name in STEPS if name != "socketio-upgraded"] == names
    pages = Path(script.__file__).with_name("pages")
    assert all((pages / endpoint.page.lstrip("/")).is_file() for endpoint in ENDPOINTS)


async def test_everything_is_right_without_a_proxy(origin: Origin, ca_file: Path) -> None:
    report = Report()
    right = await drive(origin.ws_url, origin.wss_url, None, ca_file, report)
    assert report.wrong == {}
    assert right
    assert list(report.steps) == [f"{name} over {scheme}" for scheme in ("ws", "wss") for name in STEPS]


async def test_without_tls_only_ws_is_tried() -> None:
    report = Report()
    async with Origin() as origin:
        assert await drive(origin.ws_url, None, None, None, report)
    assert list(report.steps) == [f"{name} over ws" for name in STEPS]


async def test_everything_is_right_through_a_proxy(origin: Origin, ca_file: Path, tmp_path: Path) -> None:
    report = Report()
    async with mitmdump(tmp_path, ca_file) as proxy:
        proxy_ca = tmp_path / "mitmproxy-ca-cert.pem"
        right = await drive(origin.ws_url, origin.wss_url, proxy, proxy_ca, report, keeps_cut=False)
        assert report.wrong == {}
        assert right
        assert "echo over ws without CONNECT" in report.steps
        assert len(report.steps) == 2 * len(STEPS) + 1

        # The same again with the strict check: this proxy makes a Close frame of a reset.
        strict = Report()
        assert not await drive(origin.ws_url, None, proxy, None, strict)
        assert set(strict.wrong) <= {"cut over ws", "eof over ws"}
        assert "the server never sent" in strict.wrong["cut over ws"]


async def test_an_untrusted_certificate_fails_the_wss_steps_only(origin: Origin) -> None:
    report = Report()
    assert not await drive(origin.ws_url, origin.wss_url, None, None, report)
    assert set(report.wrong) == {f"{name} over wss" for name in STEPS}
    assert "certificate verify failed" in report.wrong["echo over wss"]


async def test_a_proxy_that_is_not_there_fails_every_step_and_says_why(
    origin: Origin, unused_port: int
) -> None:
    report = Report()
    assert not await drive(origin.ws_url, None, f"http://127.0.0.1:{unused_port}", None, report)
    assert len(report.wrong) == len(STEPS) + 1
    assert all("Connect" in why or "refused" in why for why in report.wrong.values()), report.wrong


async def test_an_endpoint_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: list[asyncio.StreamWriter] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)

    monkeypatch.setattr(script, "STEP_TIMEOUT", 0.05)
    monkeypatch.setattr(script, "STEPS", {"echo": STEPS["echo"]})
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    report = Report()
    assert not await drive(f"ws://127.0.0.1:{port}", None, None, None, report)
    assert report.wrong == {"echo over ws": "nothing came for 0.05 seconds"}
    server.close()
    for writer in accepted:
        writer.close()
        await writer.wait_closed()
    await server.wait_closed()


async def test_a_ca_file_that_cannot_be_read_is_an_error_that_names_it(
    origin: Origin, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(WsproxyError, match=re.escape(str(missing))):
        await drive(origin.ws_url, origin.wss_url, None, missing, Report())
    empty = tmp_path / "empty.pem"
    empty.write_text("not a certificate")
    with pytest.raises(WsproxyError, match=re.escape(str(empty))):
        await drive(origin.ws_url, origin.wss_url, None, empty, Report())
