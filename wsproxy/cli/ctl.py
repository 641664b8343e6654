"""`wsproxy ctl`: ask a running proxy, and tell it what to do."""

import click

from wsproxy.cli.lazy import LazyGroup

COMMANDS = {
    "status": ("wsproxy.cli.ctl_status:status", "How the proxy is."),
    "connections": ("wsproxy.cli.ctl_connections:connections", "List the open WebSockets."),
    "send": ("wsproxy.cli.ctl_connections:send", "Send a message, a ping or raw frames."),
    "resend": ("wsproxy.cli.ctl_replay:resend", "Send a captured message once more."),
    "replay": ("wsproxy.cli.ctl_replay:replay", "Send a part of a capture."),
    "close": ("wsproxy.cli.ctl_connections:close", "Send a Close frame."),
    "cut": ("wsproxy.cli.ctl_connections:cut", "Reset a connection, without a Close frame."),
    "hold": ("wsproxy.cli.ctl_hold:hold", "Hold messages that match a filter."),
    "held": ("wsproxy.cli.ctl_held:held", "List held messages, or show one."),
    "release": ("wsproxy.cli.ctl_held:release", "Let held messages go on."),
    "drop": ("wsproxy.cli.ctl_held:drop", "Do not send held messages on."),
    "edit": ("wsproxy.cli.ctl_held:edit", "Change a held message and let it go."),
    "rule": ("wsproxy.cli.ctl_rule:rule", "Hold, drop, rewrite, delay or close by rule."),
    "options": ("wsproxy.cli.ctl_options:options", "List options."),
    "set": ("wsproxy.cli.ctl_options:set_", "Change options."),
    "addons": ("wsproxy.cli.ctl_status:addons", "List loaded addons."),
    "events": ("wsproxy.cli.ctl_events:events", "Print what happens, as it happens."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def ctl() -> None:
    """
    Control a running proxy: see, hold, edit, send, close.

    It finds the proxy that runs; where there are several, --port chooses one. Everything takes effect on
    connections that are already open. All commands take --json.

    \b
    Examples:
      wsproxy ctl connections
      wsproxy ctl hold add '~fromclient & ~b price'
      wsproxy ctl held
      wsproxy ctl edit 1 --text '{"price":0}'
      wsproxy ctl send 3 --to client --text hello
      wsproxy ctl close 3 --code 4001 --reason 'try again'

    Exit codes: 1 no such connection or held message, 2 wrong usage, 3 no proxy.
    """
