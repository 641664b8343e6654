"""
The filter language: which frames and messages a person means.

`parser.parse` turns text into operators; each can `match` a subject in Python, be it a frame of a
capture or a message on its way, and say in SQL what SQL can answer. mitmproxy's syntax,
WebSocket's words.
"""
