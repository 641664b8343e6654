"""
The seam names what a new mitmproxy has changed.

In a process of its own, since other tests of this one may have installed the seam already.
"""

import json
import subprocess
import sys

import pytest

_SCRIPT = """
import inspect, json, warnings
warnings.simplefilter("ignore")
from unittest.mock import patch
from mitmproxy import addonmanager, certs, http as messages, optmanager
from mitmproxy.addons import tlsconfig
from mitmproxy.proxy import context, layer, mode_servers, server, tunnel
from mitmproxy.proxy.layers import http, tls, websocket
from mitmproxy.proxy.layers.http import _http1
from OpenSSL import SSL, crypto
from wsproxy.engine import seam
from wsproxy.errors import EngineError

def another(*arguments):
    pass

getsource = inspect.getsource

def without_heads(thing):
    return getsource(thing).replace("http1.read_", "http1.parse_") if thing is _http1 else getsource(thing)

changes = {
    "module": patch.object(http, "websocket", another),
    "flow_done": patch.object(http.HttpStream, "flow_done", another),
    "WebsocketStartHook": patch.object(websocket, "WebsocketStartHook", another),
    "WebsocketEndHook": patch.object(websocket, "WebsocketEndHook", another),
    "make_pipe": patch.object(_http1.Http1Connection, "make_pipe", another),
    "heads": patch.object(inspect, "getsource", without_heads),
    "HttpLayer": patch.object(http.HttpLayer, "__init__", another),
    "Layer": patch.object(layer.Layer, "__init__", another),
    "TunnelLayer": patch.object(tunnel.TunnelLayer, "__init__", another),
    "TLSLayer": patch.object(tls.TLSLayer, "start_tls", another),
    "SSL.Connection": patch.object(SSL.Connection, "__init__", another),
    "ConnectionHandler": patch.object(server.ConnectionHandler, "__init__", another),
    "handle_connection": patch.object(server.ConnectionHandler, "handle_connection", another),
}
for owner, name in (
    (mode_servers.ServerInstance, "handle_stream"),
    (mode_servers.ProxyConnectionHandler, "handle_hook"),
    (server.ConnectionHandler, "server_event"),
    (server.ConnectionHandler, "hook_task"),
    (server.ConnectionHandler, "log"),
    (addonmanager.AddonManager, "handle_lifecycle"),
    (addonmanager.AddonManager, "trigger_event"),
    (addonmanager.AddonManager, "invoke_addon"),
    (addonmanager.AddonManager, "_iter_hooks"),
    (certs.CertStore, "get_cert"),
    (certs.CertStore, "expire"),
    (certs.Cert, "__init__"),
    (tlsconfig.TlsConfig, "get_cert"),
    (context.Context, "__init__"),
    (context.Context, "fork"),
    (optmanager._Option, "__init__"),
    (optmanager._Option, "current"),
    (messages.MessageData, "__post_init__"),
    (crypto.X509, "from_cryptography"),
    (crypto.PKey, "from_cryptography_key"),
):
    changes[f"{owner.__name__}.{name}"] = patch.object(owner, name, another)
found = {"nothing": seam.check()}
for name, change in changes.items():
    with change:
        if name.endswith("Hook"):
            delattr(websocket, name)
        found[name] = seam.check()
        if name.endswith("Hook"):
            setattr(websocket, name, another)

with changes["flow_done"]:
    try:
        seam.install(layer.Layer)
    except EngineError as e:
        found["error"] = [str(e), e.hint]
found["unchanged"] = [
    websocket.WebsocketLayer.__name__,
    _http1.Http1Connection.make_pipe.__qualname__,
    mode_servers.ProxyConnectionHandler.__name__,
    context.Context.fork.__name__,
]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """What the seam says of each change."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, list[str]] = json.loads(done.stdout)
    return answer


def test_the_installed_mitmproxy_is_as_we_know_it(found: dict[str, list[str]]) -> None:
    assert found["nothing"] == []


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        ("module", ["the HTTP layer no longer finds its WebSocket layer in a module of its own"]),
        ("flow_done", ["HttpStream.flow_done no longer builds WebsocketLayer(context, flow)"]),
        ("WebsocketStartHook", ["there is no WebsocketStartHook"]),
        ("WebsocketEndHook", ["there is no WebsocketEndHook"]),
        (
            "make_pipe",
            [
                "Http1Connection.make_pipe no longer has 'self.state = self.passthrough'",
                "Http1Connection.make_pipe no longer has 'maybe_extract_at_most'",
                "Http1Connection.make_pipe no longer has 'lstrip'",
            ],
        ),
        (
            "heads",
            [
                "the HTTP/1 layer no longer calls http1.read_request_head",
                "the HTTP/1 layer no longer calls http1.read_response_head",
            ],
        ),
        ("HttpLayer", ["HttpLayer.__init__ no longer has 'self.connections ='"]),
        ("Layer", ["Layer.__init__ no longer has 'self._paused ='"]),
        (
            "TunnelLayer",
            [
                "TunnelLayer.__init__ no longer has 'self.tunnel_connection ='",
                "TunnelLayer.__init__ no longer has 'self.conn ='",
            ],
        ),
        ("TLSLayer", ["TLSLayer.start_tls no longer has 'self.tls ='"]),
        (
            "SSL.Connection",
            [
                "Connection.__init__ no longer has 'self._ssl ='",
                "Connection.__init__ no longer has 'self._from_ssl ='",
            ],
        ),
        (
            "ConnectionHandler",
            [
                "ConnectionHandler.__init__ no longer has 'self.transports ='",
                "ConnectionHandler.__init__ no longer has 'self.timeout_watchdog ='",
                "ConnectionHandler.__init__ no longer has 'self._server_event_lock ='",
            ],
        ),
        (
            "handle_connection",
            [
                "ConnectionHandler.handle_connection no longer has 'self.transports[connection].reader'",
                "ConnectionHandler.handle_connection no longer has 'await reader.read('",
                "ConnectionHandler.handle_connection no longer has 'await self.drain_writers()'",
            ],
        ),
    ],
)
def test_what_has_changed_is_named(found: dict[str, list[str]], change: str, problems: list[str]) -> None:
    assert found[change] == problems


@pytest.mark.parametrize(
    "place",
    [
        "ServerInstance.handle_stream",
        "ProxyConnectionHandler.handle_hook",
        "ConnectionHandler.server_event",
        "ConnectionHandler.hook_task",
        "ConnectionHandler.log",
        "AddonManager.handle_lifecycle",
        "AddonManager.trigger_event",
        "AddonManager.invoke_addon",
        "AddonManager._iter_hooks",
        "CertStore.get_cert",
        "CertStore.expire",
        "Cert.__init__",
        "TlsConfig.get_cert",
        "Context.__init__",
        "Context.fork",
        "_Option.__init__",
        "_Option.current",
        "MessageData.__post_init__",
        "X509.from_cryptography",
        "PKey.from_cryptography_key",
    ],
)
def test_what_new_connections_rely_on_is_named(found: dict[str, list[str]], place: str) -> None:
    assert found[place]
    assert all(problem.startswith(f"{place} no longer has ") for problem in found[place])


def test_a_mitmproxy_that_has_changed_is_left_alone_and_the_versions_that_work_are_named(
    found: dict[str, list[str]],
) -> None:
    message, hint = found["error"]
    assert "has changed what wsproxy builds on: HttpStream.flow_done no longer" in message
    assert "11.0.2" in hint
    assert found["unchanged"] == [
        "WebsocketLayer",
        "Http1Connection.make_pipe",
        "ProxyConnectionHandler",
        "fork",
    ]
