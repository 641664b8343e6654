"""GraphQL over WebSockets: graphql-transport-ws, the older graphql-ws, and AppSync."""

from typing import Any

from wsproxy.decoders.api import CERTAIN, LIKELY, UNKNOWN, Decoded, Kind, Message, Unfit
from wsproxy.decoders.brief import brief
from wsproxy.decoders.graphql_document import operation
from wsproxy.decoders.json_protocol import JsonProtocol, found_in, members, tree_of, word

_BEGINS = ("subscribe", "start")
_RESULTS = ("next", "data")
_SESSION = ("connection_init", "connection_ack", "connection_error", "connection_terminate")
_HEARTBEATS = ("ping", "pong", "ka")
_INIT = "connection_init"


class GraphQL(JsonProtocol):
    """
    GraphQL: queries, mutations and subscriptions, and what comes of each.

    Three dialects: `graphql-transport-ws` of the library graphql-ws (`subscribe`, `next`), `graphql-ws` of
    the older subscriptions-transport-ws (`start`, `data`), and AppSync's of that (`start_ack`). The older
    subprotocol has the name of the newer library. An operation is shown with its first fields, and what its
    variables stand for: `subscribe onMessage(room: "a")`.
    """

    name = "graphql"
    subprotocols = ("graphql-transport-ws", "graphql-ws")
    matches = "`subscribe` or `start` with a query, `next` or `data` with an `id`, `connection_init`"

    @classmethod
    def score(cls, message: Message) -> int:
        """By the types of both dialects."""
        value = members(message)
        kind, payload = value.get("type"), value.get("payload")
        if kind in _BEGINS and "id" in value and isinstance(payload, dict):
            return CERTAIN if word(payload.get("query")) else LIKELY
        if kind in _SESSION or (kind in ("next", "start_ack") and "id" in value):
            return LIKELY
        if kind == "data" and "id" in value and isinstance(payload, dict):
            return LIKELY if "data" in payload or "errors" in payload else UNKNOWN
        return UNKNOWN

    def read(self, message: Message, value: Any) -> Decoded:
        """Raises Unfit if it is of neither dialect."""
        if not isinstance(value, dict):
            raise Unfit("no object")
        kind, id, payload = word(value.get("type")), value.get("id"), value.get("payload")
        more: dict[str, Any] = {"tree": tree_of(value)}
        given = "" if payload is None or payload == {} else f" {brief(payload)}"
        if kind in _BEGINS:
            name, event = self._asked(kind, payload)
            return self.call(message, id, name, event, **more)
        if kind in _RESULTS:
            failed = isinstance(payload, dict) and bool(payload.get("errors"))
            return self.reply(message, id, f"{kind} {_result(payload)}", last=False, error=failed, **more)
        if kind == "error" and id is not None:
            return self.reply(message, id, f"error{given}", error=True, **more)
        if kind == "complete" and not message.from_client:
            return self.reply(message, id, "complete", **more)
        if kind in ("complete", "stop"):
            return self._given_up(message, kind, id, more)
        if kind == _INIT:
            return self.call(message, _INIT, _INIT, f"connection_init{given}", **more)
        if kind in ("connection_ack", "connection_error"):
            failed = kind == "connection_error"
            return self.reply(message, _INIT, kind + given, error=failed, name=_INIT, **more)
        if kind == "start_ack":
            return self.say(f"start_ack {id}", Kind.CONTROL, kind, id=str(id), **more)
        if kind in _HEARTBEATS:
            return self.say(kind + given, Kind.CONTROL, kind, heartbeat=True, **more)
        if kind in ("connection_terminate", "error"):
            return self.say(kind + given, Kind.CONTROL, kind, error=kind == "error", **more)
        raise Unfit(f"no type of GraphQL over WebSockets: {brief(value.get('type'), 100)}")

    def _asked(self, kind: str, payload: Any) -> tuple[str, str]:
        if not isinstance(payload, dict):
            raise Unfit("an operation without a payload")
        if word(payload.get("data")) and "query" not in payload:
            # AppSync packs the operation into a string.
            inner = found_in(payload["data"])
            payload = inner if isinstance(inner, dict) else payload
        wanted = word(payload.get("operationName"))
        found = operation(word(payload.get("query")), wanted, payload.get("variables"))
        if found is None:
            persisted = payload.get("extensions")
            return (
                wanted or "operation",
                f"{kind} {wanted or brief(persisted)} {brief(payload.get('variables'))}",
            )
        name = found.name or wanted or found.first
        verb = kind if found.kind == "subscription" else found.kind
        return name, f"{verb} {found.fields or name}"

    def _given_up(self, message: Message, kind: str, id: Any, more: dict[str, Any]) -> Decoded:
        call = self.ended(message, id)
        if call:
            more |= {"pairs_with": call.number}
        event = f"{kind}: {call.name} is not wanted any more" if call else f"{kind} {id}"
        return self.say(event, Kind.CONTROL, kind, id=str(id), **more)


def _result(payload: Any) -> str:
    if not isinstance(payload, dict):
        return brief(payload)
    errors = f" errors {brief(payload['errors'])}" if payload.get("errors") else ""
    return f"{brief(payload.get('data'))}{errors}"
