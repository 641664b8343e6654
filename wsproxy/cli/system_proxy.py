"""`wsproxy system-proxy`: the running proxy in the settings of the system, and out again."""

from typing import TYPE_CHECKING

import click

from wsproxy.cli.output import say

if TYPE_CHECKING:
    from wsproxy.system_proxy.switch import Switched


@click.group("system-proxy")
def system_proxy() -> None:
    """
    Put the running proxy into the settings of the system (GNOME, KDE, macOS, Windows).

    For browsers and programs that look for their proxy there. It is taken out by `off`, and by itself
    when the proxy ends, however that ends. Trusting its certificate is another matter: `wsproxy ca`.
    """


@system_proxy.command()
@click.option(
    "-p",
    "--port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="The proxy on this port, where several run.",
)
def on(port: int | None) -> None:
    """
    Put the running proxy into the settings.

    What was there before is kept, and put back by `off`.

    \b
    Examples:
      wsproxy system-proxy on
    """
    from wsproxy.clients.proxy import running
    from wsproxy.system_proxy import switch

    proxy, client = running(port)
    switched = switch.on(proxy.host, proxy.port, client.run.pid)
    say(f"{_title(switched)} now names {switched.address} as the proxy for everything.")
    say("`wsproxy system-proxy off` puts back what was there; so does the end of the proxy.")


@system_proxy.command()
def off() -> None:
    """Put back what was in the settings before; also after a crash."""
    from wsproxy.system_proxy import switch

    switched = switch.off()
    if switched is None:
        say("It is off already: the settings are not ours.")
    else:
        say(f"The proxy settings of {_title(switched)} are what they were before.")


@system_proxy.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(as_json: bool) -> None:
    """Say whether it is on; exit code 1 if it is not."""
    import json

    from wsproxy.system_proxy import switch

    switched = switch.current()
    if as_json:
        facts = {
            "on": switched is not None,
            "settings": switched.kind if switched else None,
            "proxy": switched.address if switched else None,
            "proxy_runs": switched.has_proxy if switched else None,
        }
        click.echo(json.dumps(facts))
    elif switched is None:
        click.echo("off")
    else:
        ended = (
            "" if switched.has_proxy else ", which has ended; `wsproxy system-proxy off` puts things right"
        )
        click.echo(f"on: {_title(switched)} names {switched.address}{ended}")
    if switched is None:
        raise click.exceptions.Exit(1)


def _title(switched: "Switched") -> str:
    from wsproxy.system_proxy.switch import KINDS

    return next((kind.title for kind in KINDS if kind.name == switched.kind), switched.kind)
