"""
Answer in place of the server, which does not get the message.

A rule is /FILTER/REPLY; the first character separates. `${PATH}` in the reply is what the client's JSON
has at that path, e.g. the id of its call.

    wsproxy dump -s auto_reply --set auto_reply='|~json method = "balance"|{"id":${id},"result":1000000}'
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from wsproxy import addon
from wsproxy.filters.jsonpath import parse_path, select


class AutoReply:
    def load(self, options: addon.Options) -> None:
        self.options = options
        options.add("auto_reply", [], "Rules, each /FILTER/REPLY with any separator.")

    def configure(self, changed: set[str]) -> None:
        self.rules = []
        for rule in self.options.auto_reply:
            wanted, reply = addon.split_rule(rule, "FILTER", "REPLY")
            for path in re.findall(r"\$\{(.*?)\}", reply):
                try:
                    parse_path(path)
                except ValueError as error:
                    raise addon.OptionError(f"in the reply {reply!r}: {error}") from None
            self.rules.append((addon.parse_filter(wanted), reply))

    def ws_message(self, connection: addon.Connection, message: addon.Message) -> None:
        if not message.from_client:
            return
        for wanted, reply in self.rules:
            if message.matches(wanted):
                message.drop()
                connection.send(filled(reply, message), to="client")
                return


def filled(reply: str, message: addon.Message) -> str:
    """The reply with what the message has at its paths, as JSON; null where it has nothing there."""

    def found(path: str) -> Iterator[Any]:
        try:
            return select(message.json(), parse_path(path))
        except ValueError:
            return iter(())

    return re.sub(
        r"\$\{(.*?)\}", lambda match: json.dumps(next(found(match[1]), None), ensure_ascii=False), reply
    )


addons = [AutoReply()]
