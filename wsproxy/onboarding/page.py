"""The page for people: where the proxy is, its certificate, and what to tap."""

import io
from html import escape
from importlib import resources
from string import Template

import segno

from wsproxy.certs import CertificateInfo


def page(host: str, port: int, info: CertificateInfo, phone: str | None, is_proxied: bool) -> str:
    """
    The page, in HTML.

    Args:
        host, port: of the proxy, as this client reaches it.
        info: of the authority.
        phone: the page's address for other devices; None if none can reach the proxy.
        is_proxied: whether the request came as one to a proxy.
    """
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    arrived = (
        "You see this page through the proxy: this device uses it."
        if is_proxied
        else "This is the proxy itself. This device does not use it yet, or not for this page."
    )
    reach = (
        f"Other devices reach this page at <code>{escape(phone)}</code>, and so does everybody else in that "
        "network: they can use the proxy, and what they say is recorded."
        if phone
        else "The proxy listens on this machine alone. For a phone, start it with "
        "<code>wsproxy dump --listen-host 0.0.0.0</code>; everybody in that network can use it then."
    )
    template = resources.files("wsproxy.onboarding").joinpath("page.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        arrived=arrived,
        qr=f'<div class="qr" title="{escape(phone)}">{_qr(phone)}</div>' if phone else "",
        host=escape(host),
        port=port,
        pac=escape(f"http://{place}/proxy.pac"),
        reach=reach,
        subject=escape(info.subject),
        until=f"{info.not_after:%Y-%m-%d}",
        sha256=info.sha256,
    )


def _qr(text: str) -> str:
    """A QR code as SVG, with the quiet zone that readers need."""
    file = io.BytesIO()
    segno.make(text, micro=False).save(file, kind="svg", xmldecl=False, svgns=False, border=4, omitsize=True)
    return file.getvalue().decode("ascii")
