"""
All proxies by name, in the order of the tables.
"""

from tests.bench.proxies.base import Direct, Proxy
from tests.bench.proxies.haproxy import Haproxy
from tests.bench.proxies.node import HttpMitmProxy, Mockttp
from tests.bench.proxies.python import (
    Mitmdump,
    MitmdumpWithScript,
    Wsproxy,
    WsproxyWithAddon,
    WsproxyWithoutPayload,
    WsproxyWithoutRecording,
    WsproxyWithScript,
)

PROXIES: dict[str, type[Proxy]] = {
    proxy.name: proxy
    for proxy in (
        Direct,
        Haproxy,
        Wsproxy,
        WsproxyWithoutPayload,
        WsproxyWithoutRecording,
        WsproxyWithAddon,
        WsproxyWithScript,
        Mitmdump,
        MitmdumpWithScript,
        Mockttp,
        HttpMitmProxy,
    )
}
