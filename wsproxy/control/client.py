"""
Ask a running proxy, and tell it what to do: the other end of `wsproxy.engine.control_server`.

Synchronous, one request at a time on a connection of its own. What comes back are the objects of
`wsproxy.control.messages`.
"""

import contextlib
import http.client
import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal, cast
from urllib.parse import urlencode

from wsproxy.control import runfile
from wsproxy.control.messages import (
    AddonPage,
    CloseInfo,
    ConnectionInfo,
    ConnectionPage,
    CutInfo,
    EditInfo,
    Event,
    HeldContent,
    HeldInfo,
    HeldPage,
    LetGoPage,
    OptionInfo,
    OptionPage,
    RuleInfo,
    RulePage,
    SendInfo,
    StatusInfo,
)
from wsproxy.control.runfile import RunFile
from wsproxy.errors import ControlError, MissingError, UsageError, WsproxyError

TIMEOUT = 10.0
"""Seconds after which a proxy that does not answer is given up."""

Ids = Iterable[int] | Literal["all"]


def find(port: int | None = None) -> RunFile:
    """
    The running proxy.

    Args:
        port: where it listens, or its control API does; None for the only one.

    Raises:
        ControlError: there is none, or there are several.
    """
    there = runfile.running()
    found = [run for run in there if port is None or run.listens_on(port)]
    if len(found) == 1:
        return found[0]
    if not there:
        raise ControlError("no proxy is running", "`wsproxy dump` starts one")
    if not found:
        raise ControlError(f"no proxy is running on port {port}", f"Running: {_list(there)}")
    if port is not None:
        raise ControlError(f"several proxies are running on port {port}", f"By control port: {_list(found)}")
    raise ControlError("several proxies are running", f"Choose one with --port: {_list(found)}")


def _list(runs: list[RunFile]) -> str:
    return ", ".join(
        f"{' and '.join(run.listen) or 'nothing'} (control {run.port}, process {run.pid})" for run in runs
    )


class Client:
    """
    Args:
        run: the proxy, as `find` gives it.
        timeout: seconds to wait for an answer.

    All methods raise
        ControlError: it is gone, or does not answer.
        MissingError: there is no such connection, held message or rule, or no more.
        UsageError: the proxy refuses; the message says why.
    """

    def __init__(self, run: RunFile, timeout: float = TIMEOUT) -> None:
        self.run = run
        self._timeout = timeout

    def status(self) -> StatusInfo:
        """The proxy itself."""
        return cast(StatusInfo, self._ask("GET", "/status"))

    # Connections.

    def connections(self) -> Iterator[ConnectionInfo]:
        """The open ones, in the order of opening."""
        last, more = 0, True
        while more:
            page = cast(ConnectionPage, self._ask("GET", "/connections", {"after": last}))
            yield from page["connections"]
            more = page["more"]
            last = page["connections"][-1]["id"] if more else last

    def connection(self, number: int) -> ConnectionInfo:
        """An open one by its number."""
        return cast(ConnectionInfo, self._ask("GET", f"/connections/{number}"))

    def send(self, number: int, to: str, kind: str, content: bytes, force: bool = False) -> SendInfo:
        """
        Send something that nobody sent.

        Args:
            number: of the connection.
            to: `server` or `client`.
            kind: `text`, `binary`, `ping`, `pong`; or `raw`, for frames to be sent as they are.
            content: what.
            force: even if it breaks the protocol.
        """
        query = {"to": to, "type": kind, "force": _flag(force)}
        return cast(SendInfo, self._ask("POST", f"/connections/{number}/send", query, content))

    def close(
        self, number: int, to: str = "both", code: int | None = 1000, reason: str = "", force: bool = False
    ) -> CloseInfo:
        """
        Send a Close frame.

        Args:
            number: of the connection.
            to: `server`, `client` or `both`.
            code: None for a Close frame without a status code.
            reason: UTF-8, at most 123 bytes.
            force: even if it breaks the protocol.
        """
        told = {"to": to, "code": code, "reason": reason, "force": force}
        return cast(CloseInfo, self._tell("POST", f"/connections/{number}/close", told))

    def cut(self, number: int) -> CutInfo:
        """Reset TCP on both sides, without a Close frame."""
        return cast(CutInfo, self._tell("POST", f"/connections/{number}/cut", {}))

    # Held messages.

    def held(self) -> Iterator[HeldInfo]:
        """Messages that wait for a person, in the order they came."""
        last, more = 0, True
        while more:
            page = cast(HeldPage, self._ask("GET", "/held", {"after": last}))
            yield from page["held"]
            more = page["more"]
            last = page["held"][-1]["id"] if more else last

    def held_message(self, number: int) -> HeldContent:
        """One of them, with the beginning of its content."""
        return cast(HeldContent, self._ask("GET", f"/held/{number}"))

    def held_content(self, number: int) -> bytes:
        """The whole content of one of them."""
        return self._request("GET", f"/held/{number}/content")

    def release(self, numbers: Ids) -> LetGoPage:
        """Let held messages go on as they stand, in the order given."""
        return self._let_go("release", numbers)

    def drop(self, numbers: Ids) -> LetGoPage:
        """Do not send held messages on."""
        return self._let_go("drop", numbers)

    def edit(
        self, number: int, content: bytes, kind: str | None = None, keep: bool = False, force: bool = False
    ) -> EditInfo:
        """
        Replace the content of a held message, and let it go.

        Args:
            number: of the message.
            content: the new one.
            kind: `text` or `binary` to change the type.
            keep: it stays held.
            force: even if it breaks the protocol.
        """
        query = {"keep": _flag(keep), "force": _flag(force), **({"type": kind} if kind else {})}
        return cast(EditInfo, self._ask("POST", f"/held/{number}/edit", query, content))

    def _let_go(self, how: str, numbers: Ids) -> LetGoPage:
        ids = numbers if numbers == "all" else list(numbers)
        return cast(LetGoPage, self._tell("POST", f"/held/{how}", {"ids": ids}))

    # Rules, options, addons.

    def rules(self) -> list[RuleInfo]:
        """All of them, in the order in which they are asked."""
        return cast(RulePage, self._ask("GET", "/rules"))["rules"]

    def add_rule(self, action: str, filter: str = "", argument: str = "") -> RuleInfo:
        """Make a rule; it holds from the next message on."""
        return cast(
            RuleInfo, self._tell("POST", "/rules", {"action": action, "filter": filter, "argument": argument})
        )

    def remove_rule(self, number: int) -> RuleInfo:
        """Remove a rule; what it holds is let go."""
        return cast(RuleInfo, self._ask("DELETE", f"/rules/{number}"))

    def enable_rule(self, number: int, enabled: bool) -> RuleInfo:
        """Switch a rule on or off; off, what it holds is let go."""
        return cast(RuleInfo, self._tell("PATCH", f"/rules/{number}", {"enabled": enabled}))

    def options(self) -> list[OptionInfo]:
        """All of them, by their name."""
        return cast(OptionPage, self._ask("GET", "/options"))["options"]

    def set_option(self, name: str, value: str | list[str]) -> OptionInfo:
        """Change one. Its value is written as after `--set NAME=`; a list of those for a sequence."""
        return cast(OptionInfo, self._tell("PATCH", f"/options/{name}", {"value": value}))

    def addons(self) -> AddonPage:
        """The loaded ones."""
        return cast(AddonPage, self._ask("GET", "/addons"))

    # What happens.

    def events(self) -> Iterator[Event]:
        """What happens from now on, until the proxy stops. The first event says that it has begun."""
        with self._response("GET", "/events", timeout=None) as response:
            try:
                while line := response.readline():
                    yield cast(Event, json.loads(line))
            except (OSError, http.client.HTTPException, ValueError):
                # It was killed in the middle of a line.
                return

    # Requests.

    def _tell(self, method: str, path: str, told: dict[str, Any]) -> Any:
        return self._ask(method, path, body=json.dumps(told).encode())

    def _ask(self, method: str, path: str, query: dict[str, Any] | None = None, body: bytes = b"") -> Any:
        data = self._request(method, f"{path}?{urlencode(query)}" if query else path, body)
        try:
            return json.loads(data)
        except ValueError:
            raise self._stranger() from None

    def _request(self, method: str, path: str, body: bytes = b"") -> bytes:
        with self._response(method, path, body) as response:
            return response.read()

    @contextlib.contextmanager
    def _response(
        self, method: str, path: str, body: bytes = b"", timeout: float | None = TIMEOUT
    ) -> Iterator[http.client.HTTPResponse]:
        run = self.run
        connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=self._timeout)
        headers = {"Authorization": f"Bearer {run.token}", "Content-Type": "application/octet-stream"}
        where = f"the proxy of process {run.pid}"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            if response.status >= 400:
                raise self._refusal(response.status, response.read())
            if timeout is None and connection.sock is not None:
                connection.sock.settimeout(None)
            yield response
        except TimeoutError:
            raise ControlError(f"{where} does not answer") from None
        except ConnectionRefusedError:
            raise ControlError(f"{where} is gone, or its control API is") from None
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ControlError(f"{where} broke the connection: {why}") from None
        finally:
            connection.close()

    def _refusal(self, status: int, data: bytes) -> WsproxyError:
        try:
            told = json.loads(data)
            message, hint = str(told["error"]), str(told["hint"])
        except (ValueError, KeyError, TypeError):
            return self._stranger()
        if status in (404, 409):
            return MissingError(message, hint)
        if status in (400, 413):
            return UsageError(message, hint)
        return ControlError(f"the proxy of process {self.run.pid} refuses: {message}", hint)

    def _stranger(self) -> ControlError:
        return ControlError(
            f"what answers on port {self.run.port} is not the proxy of process {self.run.pid}"
        )


def _flag(value: bool) -> str:
    return "true" if value else "false"
