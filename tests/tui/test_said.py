"""What fails before there is a connection: the screen says it, as the proxy does on its stderr."""

import contextlib
import ssl
from pathlib import Path

import pytest
import trustme
import websockets

from tests.support.control import run_file
from tests.support.ports import free_port
from tests.support.proxy import running
from tests.support.screen import press, text_of, until, until_shown
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.said import Said


def careless() -> ssl.SSLContext:
    """What a client has that accepts any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def fail(url: str, proxy: str, context: ssl.SSLContext | None = None) -> None:
    """A client that does not get through."""
    tls = {"ssl": context} if context else {}
    with contextlib.suppress(OSError, websockets.WebSocketException):
        async with websockets.connect(url, proxy=proxy, open_timeout=20, **tls):
            raise AssertionError("it got through")


async def test_what_fails_is_said_with_its_host_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, unknown = trustme.CA(), trustme.CA()
    known.cert_pem.write_to_path(tmp_path / "ca.pem")
    trusted = f"ssl_verify_upstream_trusted_ca={tmp_path / 'ca.pem'}"

    def context(authority: trustme.CA) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(made)
        return made

    async def nothing(socket: websockets.ServerConnection) -> None:
        await socket.wait_closed()

    async with (
        running(tmp_path, "--set", trusted) as proxy,
        websockets.serve(nothing, "localhost", 0, ssl=context(known)) as good,
        websockets.serve(nothing, "localhost", 0, ssl=context(unknown)) as bad,
    ):
        monkeypatch.setenv("WSPROXY_HOME", str(proxy.home))
        run = run_file(proxy.home)
        app = WsproxyApp(Path(run.capture), run)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await until_shown(pilot, "no connections yet", f"Make {run.listen[0]} the proxy")
            await fail(f"wss://localhost:{good.sockets[0].getsockname()[1]}/", proxy.url)
            await until_shown(pilot, "TLS handshake for localhost", "does not trust", "wsproxy ca export")
            port, closed = bad.sockets[0].getsockname()[1], free_port()
            await fail(f"wss://localhost:{port}/", proxy.url, careless())
            # That is a connection, though a failed one; the sentence is still to be had.
            await until(pilot, lambda: app.said.unread == 2)
            await until_shown(pilot, "the proxy said 2 things (l)")
            await fail(f"ws://localhost:{closed}/", proxy.url)
            await until(pilot, lambda: app.said.unread == 3)
            await press(pilot, "l")
            shown = await until_shown(pilot, "The proxy said", f"cannot reach localhost:{closed}")
            assert f"certificate of localhost:{port}" in shown
            assert "(--ssl-insecure)" in shown
            assert app.said.unread == 0
            await press(pilot, "escape")
            await until(pilot, lambda: "the proxy said" not in text_of(app))


def test_a_page_whose_hosts_all_fail_interrupts_once() -> None:
    said = Said()
    assert said.add("cannot reach one.test:443")
    assert not any(said.add(f"cannot reach {n}.test:443") for n in range(300))
    assert said.unread == 301
    assert len(said.sentences) == 200
    assert said.last == "cannot reach 299.test:443"


def test_what_a_host_is_called_is_not_obeyed() -> None:
    said = Said()
    said.add("cannot reach \x1b[2Jevil\u202e.test")
    assert said.last.isprintable()
    assert "\u202e" not in said.last
