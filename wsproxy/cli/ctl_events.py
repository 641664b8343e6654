"""`wsproxy ctl events`: what happens, as it happens."""

from typing import TYPE_CHECKING

import click

from wsproxy.cli.ctl_call import Answer, call_options, client, tag

if TYPE_CHECKING:
    from wsproxy.control.messages import Event


@click.command()
@call_options
def events(port: int | None, as_json: bool, color: str) -> None:
    """
    Print what happens until the proxy stops: connections, held messages, rules, what the proxy says.

    Frames are not among them; `wsproxy log last --follow` prints those.

    \b
    Examples:
      wsproxy ctl events
      wsproxy ctl events --json | jq 'select(.event=="held") | .held'
    """
    from wsproxy.cli import output

    answer = Answer(as_json, color)
    for event in client(port).events():
        if as_json:
            answer.objects([event])
        else:
            answer.text(_line(event, answer))
    output.say("The proxy has stopped.")


def _line(event: "Event", answer: Answer) -> str:
    from wsproxy.decoders.text import printable

    text, style = _words(event)
    number = event.get("connection")
    connection = "" if number is None else f"{answer.paint(*tag(number))} "
    time = answer.paint(event["time"][11:23], "dim")
    return f"{time} {connection}{answer.paint(printable(text), style)}\n"


def _words(event: "Event") -> tuple[str, str]:
    from wsproxy.words import close_code

    kind = event["event"]
    if kind == "open":
        return f"open  {event['url']}  from {event['client']}", "good"
    if kind == "close":
        if "code" not in event:
            return "closed", "plain"
        reason = f' "{event["reason"]}"' if event["reason"] else ""
        return f"closed by {event['by']}  {close_code(event['code'])}{reason}  ({event['how']})", "plain"
    if kind in ("held", "edited", "released", "dropped"):
        arrow = "→" if event["direction"] == "send" else "←"
        note = f": {event['note']}" if event["note"] else ""
        return f"{arrow} message {event['held']} {kind}{note}", "warn" if kind == "held" else event[
            "direction"
        ]
    if kind == "rule":
        return f"rule {event['rule']} {event['change']}", "plain"
    if kind == "option":
        return f"option {event['option']} changed", "plain"
    if kind == "told":
        return event["message"], "warn"
    if kind == "missed":
        return f"{event['count']:,} events were missed here", "bad"
    return "watching", "dim"
