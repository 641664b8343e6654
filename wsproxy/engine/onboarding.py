"""
Requests to the proxy itself, answered before anything goes out.

They come by two ways: a browser behind the proxy asks for `http://wsproxy.local/`, and one that is not asks
for the proxy's own address. Nothing else on the network is ever taken for it: not another machine that
listens on the same port, and not a name that somebody points at this machine (DNS rebinding).
"""

import ipaddress
import platform
from collections.abc import Callable

from mitmproxy import ctx, http
from mitmproxy.proxy.mode_specs import RegularMode, UpstreamMode

from wsproxy.certs.authority import Authority
from wsproxy.engine import handshakes, seam
from wsproxy.onboarding.site import Site, Visit

_VISIT = "wsproxy_visit"


class Onboarding:
    """
    mitmproxy's addon of the same name, with pages of our own; after the one that lets bodies stream.

    Args:
        authority: whose certificate is shown.
        listening: tells where the proxy listens, `(host, port)`.
    """

    name = "onboarding"

    def __init__(self, authority: Authority, listening: Callable[[], list[tuple[str, int]]]) -> None:
        self._authority = authority
        self._listening = listening

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        visit = self._visit(flow) if ctx.options.onboarding else None
        if visit is None:
            return
        flow.metadata[_VISIT] = visit
        flow.request.stream = False
        if "content-length" in flow.request.headers or "transfer-encoding" in flow.request.headers:
            # Nothing here takes a body, and none is to be kept in memory.
            flow.kill()

    def request(self, flow: http.HTTPFlow) -> None:
        visit: Visit | None = flow.metadata.get(_VISIT)
        # Who has to log in first has been told so already.
        if visit is None or flow.response is not None:
            return
        hosts = [host for host, _ in self._listening()]
        site = Site(self._authority.certificate, ctx.options.allow_hosts, hosts, ctx.options.onboarding_host)
        answer = site.answer(visit)
        body = b"" if visit.method == "HEAD" else answer.body
        flow.response = http.Response.make(answer.status, body, answer.headers)
        flow.response.headers["Content-Length"] = str(len(answer.body))

    def _visit(self, flow: http.HTTPFlow) -> Visit | None:
        """What it is about, if it is about the proxy itself."""
        request, client = flow.request, flow.client_conn
        if request.scheme != "http" or handshakes.is_upgrade(request):
            return None
        if not isinstance(client.proxy_mode, (RegularMode, UpstreamMode)):
            # In the others every request is somebody else's, whatever it looks like.
            return None
        here, port = str(client.sockname[0]), int(client.sockname[1])
        path = request.path
        if request.host.lower() == ctx.options.onboarding_host.lower() and request.port == 80:
            return Visit(request.method, path, here, port, is_proxied=True)
        if request.port != port or not _is_address(request.host, here, asked_directly(request)):
            return None
        return Visit(request.method, path, request.host, port, is_proxied=not asked_directly(request))


def asked_directly(request: http.Request) -> bool:
    """Whether it was sent as to a server, not as to a proxy (RFC 9112 section 3.2)."""
    words = seam.raw_head(request).split(b" ", 2)
    return len(words) > 1 and words[1].startswith(b"/")


def _is_address(host: str, here: str, directly: bool) -> bool:
    """Whether a host, with the proxy's own port, is the proxy."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        name = platform.node().lower()
        return host.lower() in ("localhost", name, f"{name}.local")
    # Asked as a server it is meant, by whatever address: that may be of a port that is forwarded here.
    return directly or host in ("127.0.0.1", "::1", here)
