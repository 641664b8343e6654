"""The pages of the demo: templates, one stylesheet and two scripts, all from this package."""

from functools import cache
from importlib import resources

from tornado.template import DictLoader
from tornado.web import HTTPError, RequestHandler

from wsproxy.demo.endpoints import ENDPOINTS
from wsproxy.demo.handler import Site

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self'; "
    "connect-src 'self' ws: wss:; img-src blob: data:; frame-src 'self'; frame-ancestors 'self'"
)
"""Content-Security-Policy: the pages load nothing from anywhere else."""


@cache
def _files() -> dict[str, str]:
    folder = resources.files("wsproxy.demo") / "pages"
    return {item.name: item.read_text("utf-8") for item in folder.iterdir() if item.is_file()}


@cache
def _loader() -> DictLoader:
    # Whitespace as written: people look at the source of these pages.
    return DictLoader(_files(), whitespace="all")


class Page(RequestHandler):
    """One file of `pages/`; those in HTML are templates."""

    def initialize(self, site: Site) -> None:
        """Called by tornado with the keyword arguments of the route."""
        self._site = site

    def get(self, name: str) -> None:
        """An empty name is the index."""
        name = name or "index.html"
        kind = name.rpartition(".")[2]
        if name not in _files() or kind not in TYPES or name == "base.html":
            raise HTTPError(404)
        self.set_header("Content-Type", TYPES[kind])
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        if kind != "html":
            self.finish(_files()[name])
            return
        page = self.request.path
        self.finish(
            _loader()
            .load(name)
            .generate(
                endpoints=ENDPOINTS,
                here=[endpoint for endpoint in ENDPOINTS if endpoint.page == page],
                scheme=self.request.protocol,
                other=self._other(),
            )
        )

    def _other(self) -> str:
        """This page's URL over the other scheme, empty where there is none."""
        scheme = "http" if self.request.protocol == "https" else "https"
        port = self._site.ports.get(scheme)
        return f"{scheme}://{self.request.host_name}:{port}{self.request.path}" if port else ""
