"""Action Cable of Ruby on Rails (https://docs.anycable.io/misc/action_cable_protocol)."""

from typing import Any

from wsproxy.decoders.api import LIKELY, UNKNOWN, Decoded, Kind, Message, Unfit
from wsproxy.decoders.brief import brief
from wsproxy.decoders.json_protocol import JsonProtocol, found_in, members, tree_of, word

_COMMANDS = ("subscribe", "unsubscribe", "message", "whisper", "history", "presence", "leave")
_TYPES = (
    "welcome", "ping", "confirm_subscription", "reject_subscription", "disconnect",
    "confirm_history", "reject_history", "presence", "join", "leave",
)  # fmt: skip


class ActionCable(JsonProtocol):
    """
    Action Cable of Ruby on Rails: subscriptions to channels, what they perform and what they send.

    A channel is named by a JSON string, `{"channel":"ChatChannel","room":"1"}`, which is shown as
    `ChatChannel(room: "1")`. A subscription is a call that is answered by its confirmation or rejection.
    """

    name = "actioncable"
    subprotocols = ("actioncable-v1-json", "actioncable-v1-ext-json", "actioncable-unsupported")
    matches = "`type` of Action Cable, or `command` with `identifier`"

    @classmethod
    def score(cls, message: Message) -> int:
        """By the names of the members."""
        value = members(message)
        if message.from_client:
            return LIKELY if value.get("command") in _COMMANDS and "identifier" in value else UNKNOWN
        if value.get("type") in _TYPES:
            return LIKELY if value.keys() <= _SERVER else UNKNOWN
        return LIKELY if value.keys() == {"identifier", "message"} else UNKNOWN

    def read(self, message: Message, value: Any) -> Decoded:
        """Raises Unfit if it is none of the known messages."""
        if not isinstance(value, dict):
            raise Unfit("no object")
        identifier = word(value.get("identifier"))
        more: dict[str, Any] = {"tree": tree_of(value), "channel": _channel(identifier)}
        where = f" {more['channel']}" if identifier else ""
        if command := word(value.get("command")):
            if command == "subscribe":
                return self.call(message, identifier, "subscribe", f"subscribe{where}", **more)
            if command == "message":
                data = found_in(word(value.get("data")))
                action = "message"
                if isinstance(data, dict) and (action := word(data.get("action"))):
                    data = {name: given for name, given in data.items() if name != "action"}
                action = action or "message"
                return self.say(f"perform {action} {brief(data)}{where}", name=action, **more)
            return self.say(f"{command}{where}", Kind.CONTROL, command, **more)
        kind = word(value.get("type"))
        if kind == "ping" or identifier == "_ping":
            return self.say("ping", Kind.CONTROL, "ping", heartbeat=True, **more | {"channel": ""})
        if kind in ("confirm_subscription", "reject_subscription"):
            rejected = kind.startswith("reject")
            event = f"{'rejected' if rejected else 'confirmed'}{where}"
            return self.reply(message, identifier, event, error=rejected, name="subscribe", **more)
        if kind == "disconnect":
            again = "" if value.get("reconnect") is None else f", reconnect: {brief(value['reconnect'])}"
            reason = word(value.get("reason"))
            return self.say(f"disconnect {reason}{again}", Kind.CONTROL, kind, error=bool(reason), **more)
        if kind:
            rest = f" {brief(value['message'])}" if "message" in value else ""
            return self.say(f"{kind}{where}{rest}", Kind.CONTROL, kind, **more)
        if "message" in value:
            said = value["message"]
            return self.say(f"message {brief(said)}{where}", name="message", **more)
        raise Unfit("neither a command nor a type nor a message of Action Cable")


_SERVER = {
    "type",
    "identifier",
    "message",
    "reason",
    "reconnect",
    "sid",
    "id",
    "epoch",
    "offset",
    "stream_id",
}


def _channel(identifier: str) -> str:
    inside = found_in(identifier)
    if not isinstance(inside, dict) or not isinstance(inside.get("channel"), str):
        return identifier
    params = ", ".join(f"{name}: {brief(given)}" for name, given in inside.items() if name != "channel")
    return f"{inside['channel']}({params})" if params else inside["channel"]
