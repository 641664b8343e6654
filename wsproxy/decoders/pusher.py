"""Pusher Channels (https://pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol)."""

from typing import Any

from wsproxy.decoders.api import LIKELY, UNKNOWN, Decoded, Kind, Message, Opening, Unfit
from wsproxy.decoders.brief import brief
from wsproxy.decoders.json_protocol import JsonProtocol, found_in, members, tree_of, word

_OWN = ("pusher:", "pusher_internal:")


class Pusher(JsonProtocol):
    """
    Pusher Channels, also of Soketi, Laravel Reverb and Ably's adapter.

    What is in the string `data` is shown. A subscription is a call that is answered by
    `subscription_succeeded` or `subscription_error`.
    """

    name = "pusher"
    matches = "path `/app/KEY` with the query `protocol`; events `pusher:...`"

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        """By path and query together."""
        return "/app/" in opening.path and opening.query.get("protocol", [""])[0].isdigit()

    @classmethod
    def score(cls, message: Message) -> int:
        """By the protocol's own events."""
        return LIKELY if word(members(message).get("event")).startswith(_OWN) else UNKNOWN

    def read(self, message: Message, value: Any) -> Decoded:
        """Raises Unfit if it has no event."""
        if not isinstance(value, dict) or not (event := word(value.get("event"))):
            raise Unfit("no event of Pusher")
        data = value.get("data")
        if isinstance(data, str):
            data = found_in(data)
        channel = word(value.get("channel"))
        more: dict[str, Any] = {"tree": tree_of(value), "channel": channel}
        given = "" if data is None or data == {} else f" {brief(data)}"
        name = event
        for own in _OWN:
            name = name.removeprefix(own)
        if name == event:
            user = f" by {value['user_id']}" if word(value.get("user_id")) else ""
            return self.say(f"{event}{given}{user}{f' {channel}' if channel else ''}", name=event, **more)
        members_ = data if isinstance(data, dict) else {}
        if name in ("ping", "pong"):
            return self.say(name, Kind.CONTROL, name, heartbeat=True, **more)
        if name == "subscribe":
            channel = word(members_.get("channel"))
            return self.call(message, channel, name, f"subscribe {channel}", **more | {"channel": channel})
        if name == "unsubscribe":
            channel = word(members_.get("channel"))
            return self.say(f"unsubscribe {channel}", Kind.CONTROL, name, **more | {"channel": channel})
        if name in ("subscription_succeeded", "subscription_error"):
            failed = name == "subscription_error"
            outcome = "failed" if failed else "succeeded"
            return self.reply(
                message, channel, f"{outcome} {channel}{given}", name="subscribe", error=failed, **more
            )
        if name == "signin":
            return self.call(message, "signin", name, "signin", **more)
        if name == "signin_success":
            return self.reply(message, "signin", f"succeeded{given}", name="signin", **more)
        if name == "connection_established":
            socket = f" socket {members_['socket_id']}" if word(members_.get("socket_id")) else ""
            return self.say(f"connected{socket}{given if not socket else ''}", Kind.CONTROL, name, **more)
        where = f" {channel}" if channel else ""
        return self.say(f"{name}{given}{where}", Kind.CONTROL, name, error=name == "error", **more)
