"""
An origin server on this machine, and a script that talks to all of it through a proxy.

With it anybody sees frames within a minute and without the internet, and every kind of WebSocket
traffic that is hard to come by on demand: fragments, pings, compression with context takeover,
Socket.IO with its polling fallback, refused upgrades, connections that die.

    origin.py       `Origin`: starts and stops the two ports, `ws` and `wss`
    endpoints.py    `ENDPOINTS`: the list that the index page, the command line and the docs print
    handler.py      what all WebSocket endpoints share; beside it one module per endpoint
    pages/          a page per endpoint; `?auto` runs its check and says so in the title
    script.py       `drive`: every endpoint through a proxy, step by step; the steps are in steps.py
"""
