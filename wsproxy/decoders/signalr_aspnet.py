"""SignalR of ASP.NET before Core: persistent connections and hubs (protocol 1.2 to 2.1)."""

from typing import Any

from wsproxy.decoders.api import CERTAIN, UNKNOWN, Decoded, Kind, Message, Opening, Unfit
from wsproxy.decoders.brief import arguments, brief
from wsproxy.decoders.json_protocol import JsonProtocol, members, tree_of, word

_PATHS = ("/signalr/connect", "/signalr/reconnect")


class SignalRAspNet(JsonProtocol):
    """
    SignalR of ASP.NET before Core: calls of hub methods both ways.

    `{"H":hub,"M":method,"A":arguments,"I":id}` is a call; `{"R":result,"I":id}` answers it. The server's own
    calls have no id. `{}` keeps the connection alive.
    """

    name = "signalr-aspnet"
    matches = "path `.../signalr/connect` with the query `connectionToken`"

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        """By the path, or by the query that only this has."""
        return opening.path.endswith(_PATHS) or "connectionToken" in opening.query

    @classmethod
    def score(cls, message: Message) -> int:
        """By the shape of calls and of what the server sends."""
        value = members(message)
        if message.from_client:
            return CERTAIN if {"H", "M", "A", "I"} <= value.keys() else UNKNOWN
        return CERTAIN if {"C", "M"} <= value.keys() and isinstance(value["M"], list) else UNKNOWN

    def read(self, message: Message, value: Any) -> Decoded:
        """Raises Unfit if it is none of these."""
        if not isinstance(value, dict):
            raise Unfit("no object")
        more: dict[str, Any] = {"tree": tree_of(value)}
        if "I" in value and not word(value.get("H")):
            failed = "E" in value
            event = f"error {brief(value['E'])}" if failed else brief(value["R"]) if "R" in value else "done"
            return self.reply(message, value["I"], event, key=str(value["I"]), error=failed, **more)
        if word(value.get("H")):
            return self._method(message, value, more)
        if not value:
            return self.say("keep-alive", Kind.CONTROL, "keep-alive", heartbeat=True, **more)
        said = value.get("M")
        if isinstance(said, list) and said and all(isinstance(one, dict) and "H" in one for one in said):
            # What comes with them (cursor, groups) is to be seen in the tree, which is that of the message.
            parts = [self._method(message, one, {"tree": tree_of(one)}) for one in said]
            return self.each(value, parts)
        if value.get("S") == 1:
            return self.say("started", Kind.CONTROL, "started", **more)
        if said:
            return self.say(f"receive {brief(said)}", name="receive", **more)
        return self.say(f"state {brief(value)}", Kind.CONTROL, "state", **more)

    def _method(self, message: Message, value: dict[str, Any], more: dict[str, Any]) -> Decoded:
        hub, method, given = word(value.get("H")), word(value.get("M")), value.get("A")
        name = f"{hub}.{method}"
        event = f"invoke {name}({arguments(given) if isinstance(given, list) else brief(given)})"
        if "I" in value:
            return self.call(message, value["I"], name, event, key=str(value["I"]), channel=hub, **more)
        return self.say(event, Kind.NOTIFICATION, name, channel=hub, **more)
