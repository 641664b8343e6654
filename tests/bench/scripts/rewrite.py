"""The same as an addon of wsproxy."""

import json


def ws_message(connection, message):
    value = json.loads(message.content)
    value["rewritten"] = True
    message.content = json.dumps(value).encode()
