"""Change a field of every JSON message; runs in mitmdump and in wsproxy."""

import json


def websocket_message(flow):
    message = flow.websocket.messages[-1]
    value = json.loads(message.content)
    value["rewritten"] = True
    message.content = json.dumps(value).encode()
