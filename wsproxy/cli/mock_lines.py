"""What a recorded server tells of its clients: sentences on stderr, and JSON on stdout."""

from base64 import b64encode
from typing import Any

from wsproxy.cli import output
from wsproxy.decoders.text import preview, printable
from wsproxy.store.jsontext import dumps

_QUIET = ("heard", "said", "matched", "again")
"""Events that are told in JSON only."""


class Told:
    """
    Takes events (`wsproxy.replay.acting.Tell`).

    Args:
        as_json: print all of them on stdout, too.
    """

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def listening(self, host: str, port: int, paths: list[str]) -> None:
        """The server can be reached."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if self._as_json:
            output.emit(dumps({"event": "start", "listen": address, "paths": paths}) + "\n")
        output.say(f"listening on {address}, for ws:// and wss://; Ctrl-C ends it")
        for path in paths[:20]:
            output.say(f"  {path}")
        if len(paths) > 20:
            output.say(f"  and {len(paths) - 20:,} more")

    def __call__(self, event: dict[str, Any]) -> None:
        """One event."""
        if self._as_json:
            content = event.get("content")
            value = {name: value for name, value in event.items() if name != "content"}
            if isinstance(content, bytes):
                try:
                    value["text"] = content.decode()
                except UnicodeDecodeError:
                    value["base64"] = b64encode(content).decode()
            output.emit(dumps(value) + "\n")
        if event["event"] not in _QUIET:
            output.say(_sentence(event))


def _sentence(event: dict[str, Any]) -> str:
    lead = f"client {event['client']}" if "client" in event else "mock"
    match event["event"]:
        case "open":
            then = f"recorded connection {event['recorded']}"
            if event["status"] != 101:
                then = f"refused as {then} was, status {event['status']}"
            return f"{lead} ({event['from']}) asks for {event['target']}: {then}"
        case "polling":
            then = f"recorded session {event['session']}"
            if event["status"] != 200:
                then = f"refused as it was, status {event['status']}"
            return f"{lead} ({event['from']}) begins over long-polling, {event['target']}: {then}"
        case "negotiated":
            return f"{lead} ({event['from']}) negotiates, {event['target']}: a WebSocket it is"
        case "unrecorded":
            then = "asking the live server" if event["then"] == "live" else "refused with 404"
            return f"{lead} ({event['from']}) asks for {event['target']}, which was not recorded: {then}"
        case "refused":
            return f"{lead} ({event['from']}) is refused: {event['why']}"
        case "unmatched":
            shown = preview(event["content"], event["opcode"] == 1, 60, event["length"])
            return f"{lead} says what was not recorded: {shown} ({event['then']})"
        case "closed":
            end = "reset as recorded" if event["reset"] else "closed" if event["clean"] else "gone"
            code = f" with {event['code']}" if event["code"] is not None else ""
            return f"{lead} {end}{code}"
        case "kept_id":
            return f"{lead}: frame {event['frame']} is said with the id it was recorded with: {event['why']}"
        case "live_failed":
            return f"{lead}: {event['why']}"
        case _:
            return f"{lead}: {printable(str(event.get('why', event['event'])))}"
