"""The client, against things that are not the proxy it looks for."""

import socket
import threading

import pytest

from wsproxy.control.client import Client
from wsproxy.control.runfile import RunFile
from wsproxy.errors import ControlError


@pytest.fixture
def stranger():
    """Answers one request on the port of a proxy with whatever it is told."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    threads = []

    def answering(answer: bytes) -> Client:
        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        threads.append(thread)
        run = RunFile(port=listener.getsockname()[1], token="t", listen=(), capture="", started=0)
        return Client(run, timeout=5)

    yield answering
    for thread in threads:
        thread.join()
    listener.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "broke the connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broke the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "is not the proxy"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", "is not the proxy"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}", "is not the proxy"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "broke the connection"),
        (b'HTTP/1.1 401 No\r\nContent-Length: 32\r\n\r\n{"error":"unauthorized","hint":""}'[:-2], "is not"),
    ],
)
def test_what_is_not_the_proxy_is_said_to_be_something_else(stranger, answer, why):
    with pytest.raises(ControlError, match=why):
        stranger(answer).status()


def test_a_proxy_that_is_gone_is_said_to_be_gone():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = Client(RunFile(port=port, token="t", listen=(), capture="", started=0))
    with pytest.raises(ControlError, match="is gone"):
        client.status()
    with pytest.raises(ControlError, match="is gone"):
        next(client.events())


def test_a_wrong_token_is_a_refusal(stranger):
    body = b'{"error":"unauthorized","hint":""}'
    head = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n" % len(body)
    with pytest.raises(ControlError, match="refuses: unauthorized"):
        stranger(head + body).status()
