"""Who can reach the control API of a running proxy, and who cannot."""

import asyncio
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from tests.support.control import ask, ctl, environment, run_file
from tests.support.proxy import running

NOTHING = {"error": "unauthorized", "hint": ""}


async def test_only_the_token_opens_it_and_nothing_is_revealed_without(tmp_path):
    async with running(tmp_path) as proxy:
        run = run_file(proxy.home)
        assert ask(run, "GET", "/status")[0] == 200
        assert ask(run, "GET", "/status", Host=f"localhost:{run.port}")[0] == 200
        wrong = [
            None, "", "Bearer", "Bearer ", f"Bearer {run.token}x", f"Bearer {run.token[:-1]}", run.token,
            f"bearer {run.token}", f"Basic {run.token}", "Bearer é", "Bearer " + "a" * 1000,
        ]  # fmt: skip
        for given in wrong:
            for method, path in (
                ("GET", "/status"),
                ("GET", "/nothing"),
                ("POST", "/held/release"),
                ("FOO", "/"),
            ):
                status, headers, body = ask(run, method, path, Authorization=given)
                assert (status, json.loads(body)) == (401, NOTHING), (given, method, path)
                assert "Server" not in headers
                said = str(headers) + body.decode()
                assert "wsproxy" not in said.lower()
                assert "tornado" not in said.lower()


async def test_no_web_page_can_reach_it(tmp_path):
    async with running(tmp_path) as proxy:
        run = run_file(proxy.home)
        hosts = [
            None,
            "",
            "127.0.0.1",
            f"127.0.0.1:{run.port + 1}",
            f"rebound.example:{run.port}",
            "localhost",
        ]
        for host in [*hosts, f"127.0.0.1:{run.port}, rebound.example", f"0.0.0.0:{run.port}"]:
            status, _, body = ask(run, "GET", "/status", Host=host)
            assert status in (400, 403), host
            assert b"listen" not in body
        for origin in ("http://evil.example", "null", f"http://127.0.0.1:{run.port}", ""):
            status, headers, body = ask(run, "GET", "/status", Origin=origin)
            assert (status, json.loads(body)) == (403, {"error": "forbidden", "hint": ""})
            assert not any(name.lower().startswith("access-control") for name in headers)
        preflight = {
            "Origin": "http://evil.example",
            "Access_Control_Request_Method": "GET",
            "Authorization": None,
        }
        status, headers, _ = ask(run, "OPTIONS", "/status", **preflight)
        assert status == 403
        assert not any(name.lower().startswith("access-control") for name in headers)
        # With the token, too.
        assert ask(run, "OPTIONS", "/status")[0] == 405


async def test_it_listens_on_loopback_only_whatever_the_proxy_does(tmp_path):
    async with running(tmp_path, "--listen-host", "0.0.0.0") as proxy:
        run = run_file(proxy.home)
        [address] = {
            line.split()[1]
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if line.split()[1].endswith(f":{run.port:04X}") and line.split()[3] == "0A"
        }
        assert address == f"0100007F:{run.port:04X}"


async def test_a_body_of_a_stranger_is_not_taken(tmp_path):
    async with running(tmp_path) as proxy:
        run = run_file(proxy.home)
        reader, writer = await asyncio.open_connection("127.0.0.1", run.port)
        writer.write(
            f"POST /connections/1/send?to=client HTTP/1.1\r\nHost: 127.0.0.1:{run.port}\r\n"
            "Content-Length: 100000000\r\n\r\n".encode()
        )
        answer = await asyncio.wait_for(reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 401 ")
        writer.close()
        assert ask(run, "GET", "/status")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "sentence"),
    [
        ("POST", "/rules", b"{", "the body is not JSON"),
        ("POST", "/rules", b"[" * 60_000, "the body is not JSON"),
        ("POST", "/rules", b"\xff", "the body is not JSON"),
        ("POST", "/rules", b"[]", "the body is not a JSON object"),
        ("POST", "/rules", b'{"action":1}', "'action' is not a string"),
        ("POST", "/rules", b'{"action":"fly"}', "there is no action 'fly'"),
        ("POST", "/rules", b'{"acton":"hold"}', "there is no 'acton' here"),
        ("POST", "/rules", b"{}", "a rule wants an action"),
        ("POST", "/rules", b" " * 70_000, "70,000 bytes are too many"),
        ("PATCH", "/rules/1", b'{"enabled":1}', "'enabled' is not true or false"),
        ("POST", "/held/release", b"{}", "'ids' is a list of ids"),
        ("POST", "/held/release", b'{"ids":[true]}', "'ids' is a list of ids"),
        ("POST", "/held/release", b'{"ids":["1"]}', "'ids' is a list of ids"),
        ("PATCH", "/options/hold_seconds", b'{"value":1}', "'value' is not a string or a list"),
        ("PATCH", "/options/hold_seconds", b'{"value":["1","2"]}', "Received multiple values"),
        ("PATCH", "/options/hold_seconds", b'{"value":[]}', "Expected"),
        ("GET", "/connections?after=x", None, "after is a number"),
        ("GET", "/held?after=-1", None, "after is a number"),
    ],
)
async def test_what_makes_no_sense_is_a_400_with_a_sentence(proxy_run, method, path, body, sentence):
    status, _, answer = ask(proxy_run, method, path, body)
    assert status in (400, 413)
    assert sentence in json.loads(answer)["error"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/", 404),
        ("GET", "/connections/0", 404),
        ("GET", "/connections/99999999999999999999", 404),
        ("GET", "/connections/-1", 404),
        ("GET", "/held/..%2fcontent", 404),
        ("DELETE", "/rules/1", 404),
        ("POST", "/status", 405),
        ("DELETE", "/connections", 405),
    ],
)
async def test_addresses_that_lead_nowhere(proxy_run, method, path, expected):
    status, _, answer = ask(proxy_run, method, path)
    assert (status, set(json.loads(answer))) == (expected, {"error", "hint"})


@pytest.fixture(scope="module")
def proxy_run(tmp_path_factory):
    """One proxy for all of them."""
    import signal
    import subprocess

    folder = tmp_path_factory.mktemp("proxy")
    process = subprocess.Popen(
        [sys.executable, "-m", "wsproxy", "dump", "-q", "-p", "0", "-w", str(folder / "a.wsp")],
        env=environment(folder / "home"), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stderr
        assert "listening on" in process.stderr.readline()
        yield run_file(folder / "home")
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "error" not in said.lower()


async def test_the_run_file_is_private_whatever_the_umask(tmp_path):
    for mask in (0o000, 0o077):
        folder = tmp_path / f"{mask:o}"
        folder.mkdir(mode=0o700)
        before = os.umask(mask)
        try:
            async with running(folder) as proxy:
                os.umask(before)
                [path] = (proxy.home / "run").iterdir()
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
                assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        finally:
            os.umask(before)


async def test_the_token_is_nowhere_but_in_the_run_file(tmp_path):
    async with running(tmp_path, "-vv") as proxy:
        run = run_file(proxy.home)
        answers = [
            (await ctl(proxy.home, *words, "--json")).out
            for words in (["status"], ["options", "--all"], ["rule", "add", "hold"])
        ]
        assert run.token not in repr(run)
        await proxy.stop()
        assert run.token not in "\n".join([*answers, *proxy.said])
        assert run.token.encode() not in proxy.capture.read_bytes()
