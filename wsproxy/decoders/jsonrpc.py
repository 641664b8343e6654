"""JSON-RPC 2.0 (https://www.jsonrpc.org/specification), as Ethereum, LSP, MCP and many others use it."""

from collections.abc import Hashable
from typing import Any

from wsproxy.decoders.api import (
    CERTAIN,
    UNKNOWN,
    Context,
    Decoded,
    Kind,
    Memory,
    Message,
    Opening,
    Unfit,
)
from wsproxy.decoders.brief import arguments, brief
from wsproxy.decoders.json_protocol import JsonProtocol, fault, tree_of, word

_PINGS = ("ping", "rpc.ping", "net_ping")


class JsonRpc(JsonProtocol):
    """
    JSON-RPC 2.0: calls, notifications and batches, of Ethereum nodes, LSP, MCP and others.

    Both sides may call; a reply is paired with the call of the other side that has its id. A subscription
    in Ethereum's manner (`eth_subscribe`, then notifications `eth_subscription`) gives its name to what
    comes of it.
    """

    name = "jsonrpc"
    subprotocols = ("jsonrpc", "jsonrpc-2.0", "mcp")
    matches = '`"jsonrpc": "2.0"` in the messages'

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        self._asked: Memory[Hashable, str] = Memory()
        self._subscriptions: Memory[str, str] = Memory()

    @classmethod
    def score(cls, message: Message) -> int:
        """By the version that every message has to state."""
        value = message.json
        first = value[0] if isinstance(value, list) and value else value
        return CERTAIN if isinstance(first, dict) and first.get("jsonrpc") == "2.0" else UNKNOWN

    def read(self, message: Message, value: Any) -> Decoded:
        """Raises Unfit if it is none, or version 1."""
        if isinstance(value, list) and value:
            return self.each(value, [self._one(message, one) for one in value])
        return self._one(message, value)

    def _one(self, message: Message, value: Any) -> Decoded:
        if isinstance(value, dict) and (event := word(value.get("notification"))):
            # How servers of the library rpc-websockets tell events.
            return self.say(f"notify {event}{_given(value.get('params'))}", name=event, tree=tree_of(value))
        if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
            raise Unfit("no message of JSON-RPC 2.0")
        id = value.get("id")
        method = value.get("method")
        if not isinstance(method, str):
            return self._answer(message, value, id)
        given = _given(value.get("params"))
        heartbeat = method in _PINGS
        if "id" in value and id is not None:
            if method.endswith("_subscribe") and (name := word(_first(value.get("params")))):
                self._asked[message.from_client, str(id)] = name
            return self.call(
                message, id, method, f"call {method}{given}", tree=tree_of(value), heartbeat=heartbeat
            )
        channel = ""
        if method.endswith("_subscription") and isinstance(params := value.get("params"), dict):
            channel = self._subscriptions.get(str(params.get("subscription"))) or ""
            given = f" {channel or params.get('subscription')} {brief(params.get('result'))}"
        return self.say(
            f"notify {method}{given}",
            Kind.NOTIFICATION,
            method,
            tree=tree_of(value),
            channel=channel,
            heartbeat=heartbeat,
        )

    def _answer(self, message: Message, value: dict[str, Any], id: Any) -> Decoded:
        if "error" in value:
            event = f"error {fault(value['error'])}"
        elif "result" in value:
            event = brief(value["result"])
        else:
            raise Unfit("neither a method nor a result nor an error")
        more: dict[str, Any] = {}
        if (asked := self._asked.pop((not message.from_client, str(id)))) and (
            subscription := word(value.get("result"))
        ):
            self._subscriptions[subscription] = asked
            more["channel"] = asked
        if id is None:
            return self.say(event, Kind.REPLY, error=True, tree=tree_of(value))
        return self.reply(message, id, event, error="error" in value, tree=tree_of(value), **more)


def _given(params: Any) -> str:
    if params is None:
        return "()"
    return f"({arguments(params)})" if isinstance(params, list) else f"({brief(params)})"


def _first(params: Any) -> Any:
    return params[0] if isinstance(params, list) and params else None
