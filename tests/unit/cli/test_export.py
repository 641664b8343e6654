"""`wsproxy export`: what goes into a script, what stays out, and what is refused."""

import ast
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.support.captures import MASK, capture
from tests.support.sessions import received, session
from wsproxy.store.limits import Limits
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.handshake import accept_for

FORMS = ("pytest", "playwright", "python", "k6", "locust", "wscat")
EVIL = '\x1b[2J\u202e\'; rm -rf ~ #"""*/</script>\n${HOME}`id`'


@pytest.fixture
def data(wsproxy):
    """The constants of an exported Python program: `data(path, *options)`."""

    def read(path: Path, *options: object) -> dict[str, Any]:
        done = wsproxy("export", path, "--format", "python", *options)
        assert done.exit_code == 0, done.stderr
        found = {}
        for node in ast.parse(done.stdout).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = ast.literal_eval(node.value)
        return found

    return read


def said(found: dict[str, Any]) -> list[tuple]:
    return [(step[0], *step[3:]) for step in found["STEPS"]]


def test_what_happened_is_in_it_in_order(data, tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", [(">", "one"), ("<", "two"), ("<", b"\x00"), (">", "three")])
    found = data(path)
    assert said(found) == [
        ("open",),
        ("send", "one"),
        ("expect", "two"),
        ("expect", b"\x00"),
        ("send", "three"),
        ("closed", 1000, ""),
    ]
    assert found["CONNECTIONS"] == {1: {"url": "ws://example.test/chat", "headers": [], "subprotocols": []}}


def test_what_another_connection_causes_is_waited_for_last(data, tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        one = c.open("ws://h/1")
        # As the proxy sees it, the news can come before the other is open.
        c.receive(one, encode_frame(1, b"two joined"))
        two = c.open("ws://h/2")
        c.send(two, encode_frame(1, b"hello", mask=MASK))
        c.send(one, encode_frame(1, b"bye", mask=MASK))
    order = [(step[0], step[1]) for step in data(tmp_path / "a.wsp")["STEPS"]]
    assert order == [("open", 1), ("open", 2), ("send", 2), ("expect", 1), ("send", 1)]


def test_a_mock_says_what_the_client_got(wsproxy, tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", [(">", "ask"), ("<", b"\x01\x02")])
    done = wsproxy("export", path, "--format", "playwright")
    assert '["expect", 1, ' in done.stdout
    assert 'bytes("AQI=")' in done.stdout


def test_refusals_and_ends_are_part_of_it(data, tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        c.open(status=403)
        number = c.open()
        c.send(number, encode_close(4000, "done", mask=MASK))
        c.close(number)
        number = c.open()
        c.close(number, "reset")
    assert said(data(tmp_path / "a.wsp")) == [
        ("refused", 403),
        ("open",),
        ("close", 4000, "done"),
        ("open",),
        ("closed", 1006, ""),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_whatever_was_said_stays_data(wsproxy, tmp_path: Path, form: str) -> None:
    path = session(tmp_path / "a.wsp", [(">", EVIL), ("<", EVIL)], urls=[f"ws://h/{EVIL!a}"])
    done = wsproxy("export", path, "--format", form)
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    if form in ("pytest", "python", "locust"):
        steps = next(
            ast.literal_eval(node.value)
            for node in ast.parse(done.stdout).body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "STEPS"
        )
        assert [step[3] for step in steps if step[0] in ("send", "expect")] == [EVIL, EVIL]
    elif form in ("playwright", "k6"):
        assert json.dumps(EVIL) in done.stdout


def test_a_part_of_it(data, tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", [(">", "a"), ("<", "noise"), ("<", "b")], [(">", "c")])
    assert ("send", "c") not in said(data(path, "--connection", 1))
    assert ("expect", "noise") not in said(data(path, "-f", "!~b noise"))
    assert [step for step in said(data(path, "--from", 3, "--to", 3)) if step[0] == "expect"] == [
        ("expect", "b")
    ]


def test_variables_stand_where_values_were(data, tmp_path: Path) -> None:
    talk = [("<", '{"result":{"token":"abc-1"}}'), (">", '{"auth":"abc-1"}'), (">", "say abc-1")]
    found = data(session(tmp_path / "a.wsp", talk), "--map", "result.token=>token", "--ignore", "at")
    assert [step[1] for step in said(found) if step[0] == "send"] == ['{"auth":"{{token}}"}', "say {{token}}"]
    assert found["VARIABLES"] == [(["result", "token"], "token")]
    assert found["IGNORED"] == ["at"]


def test_heartbeats_of_engine_io_are_answered_as_they_come(data, tmp_path: Path) -> None:
    url = "ws://h/socket.io/?EIO=4&transport=websocket"
    path = session(
        tmp_path / "a.wsp", [("<", '0{"sid":"x"}'), ("<", "2"), (">", "3"), (">", '42["a"]')], urls=[url]
    )
    found = data(path)
    assert [step[1] for step in said(found) if step[0] in ("send", "expect")] == ['0{"sid":"x"}', '42["a"]']
    assert (found["HEARTBEATS"], found["IGNORED"]) == ([("2", "3")], ["sid"])


SECRETS = ("Bearer s3cr3t-bearer", "s3cr3t-cookie", "s3cr3t-in-url", "ada@example.test")


@pytest.fixture
def secretive(tmp_path: Path) -> Path:
    """A capture with secrets in every place."""
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    request = (
        f"GET /chat?room=1&token=s3cr3t-in-url HTTP/1.1\r\nHost: example.test\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"Authorization: Bearer s3cr3t-bearer\r\nCookie: theme=dark; sid=s3cr3t-cookie\r\nX-Trace: 7\r\n\r\n"
    ).encode()
    response = (
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_for(key)}\r\n\r\n"
    ).encode()
    with capture(tmp_path / "secret.wsp") as c:
        number = c.open(
            "ws://example.test/chat?room=1&token=s3cr3t-in-url", response=response, request=request
        )
        c.receive(number, encode_frame(1, b'{"user":{"email":"ada@example.test"},"n":1.50}'))
        c.send(number, encode_frame(1, b'{"again":"s3cr3t-bearer","mail":"ada@example.test"}', mask=MASK))
    return tmp_path / "secret.wsp"


@pytest.mark.parametrize("form", FORMS)
def test_redacted_secrets_are_nowhere(wsproxy, secretive: Path, form: str) -> None:
    whole = wsproxy("export", secretive, "--format", form)
    assert "s3cr3t-bearer" in whole.stdout or form == "playwright"
    assert ("--redact leaves them out" in whole.stderr) is True
    done = wsproxy("export", secretive, "--format", form, "--redact", "--redact-json", "user.email")
    assert done.exit_code == 0
    for secret in SECRETS:
        assert secret not in done.stdout
    assert "s3cr3t" not in done.stdout
    assert "room=1" in done.stdout
    if form != "wscat":
        assert "1.50" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--connection", "9"], "no connection 9"),
        (["--map", "a"], "is no variable"),
        (["--map", "a[*]=>b"], "more than one place"),
        (["--map", "a[=>b"], "is not a path"),
        (["--redact-json", "["], "is not a path"),
        (["--from", "100"], "nothing to export"),
    ],
)
def test_what_cannot_be_done_is_refused(wsproxy, tmp_path: Path, words, says) -> None:
    done = wsproxy("export", session(tmp_path / "a.wsp", received("a")), "--format", "python", *words)
    assert done.exit_code == 2
    assert says in done.stderr


def test_what_is_not_whole_is_refused_or_left_out(wsproxy, data, tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp", Limits(frame=10)) as c:
        number = c.open()
        c.receive(number, encode_frame(1, b"t" * 50))
        c.receive(number, encode_frame(1, b"short"))
    done = wsproxy("export", tmp_path / "a.wsp", "--format", "python")
    assert done.exit_code == 2
    assert "frame 1 is cut short" in done.stderr
    assert said(data(tmp_path / "a.wsp", "--skip-truncated")) == [("open",), ("expect", "short")]


def test_a_file_is_for_its_owner_and_not_overwritten(wsproxy, tmp_path: Path) -> None:
    path, file = session(tmp_path / "a.wsp", received("a")), tmp_path / "out.py"
    words = ("export", path, "--format", "python", "-o", file)
    assert wsproxy(*words).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    done = wsproxy(*words)
    assert done.exit_code == 2
    assert "exists already" in done.stderr
    assert wsproxy(*words, "--force").exit_code == 0
    assert wsproxy(*words[:-1], tmp_path / "no" / "out.py").exit_code == 3


def test_what_wscat_cannot_type_is_said(wsproxy, tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", [(">", "it's"), (">", b"\x00\x01"), (">", "two\nlines")])
    done = wsproxy("export", path, "--format", "wscat")
    assert re.search(r"printf '%s\\n' 'it'\"'\"'s'", done.stdout)
    assert "binary, 2 long, cannot be typed" in done.stdout
    assert "control characters, 9 long, cannot be typed" in done.stdout
