"""The proxy's own pages, as answers to requests."""

import re
from pathlib import Path

import pytest

from wsproxy.certs import Authority
from wsproxy.onboarding.site import Site, Visit


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


def page(authority: Authority, listen: str, host: str, is_proxied: bool = False) -> str:
    site = Site(authority.certificate, [], [listen])
    return site.answer(Visit("GET", "/", host, 8080, is_proxied)).body.decode()


def test_a_phone_is_shown_the_address_it_can_reach(authority: Authority) -> None:
    for listen, host in (("0.0.0.0", "192.168.1.5"), ("192.168.1.5", "127.0.0.1")):
        text = page(authority, listen, host)
        assert 'title="http://192.168.1.5:8080/"' in text
        assert "everybody else in that network" in text
        # A picture of black modules, drawn as one path.
        assert re.search(r"<svg[^>]*viewBox[^>]*>.*<path", text, re.DOTALL)
    assert "http://[fd00::5]:8080/" in page(authority, "::", "fd00::5")


def test_on_loopback_there_is_nothing_for_phones_but_how_to_change_that(authority: Authority) -> None:
    text = page(authority, "127.0.0.1", "127.0.0.1")
    assert "<svg" not in text
    assert "wsproxy dump --listen-host 0.0.0.0" in text


def test_what_a_client_says_cannot_become_markup(authority: Authority) -> None:
    text = page(authority, "0.0.0.0", "<script>alert(1)</script>")
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_every_command_on_the_page_exists() -> None:
    from tests.docs.test_docs import _command
    from wsproxy import onboarding

    text = (Path(onboarding.__file__).parent / "page.html").read_text(encoding="utf-8")
    calls = re.findall(r"<code>wsproxy ([^<]+)</code>", text)
    assert calls
    for call in calls:
        _, rest = _command(call.split())
        assert len(rest) < len(call.split()), call


def test_the_configuration_names_the_proxy_as_this_client_reaches_it(authority: Authority) -> None:
    site = Site(authority.certificate, ["example"], ["::"])
    text = site.answer(Visit("GET", "/proxy.pac?x", "fd00::5", 8080, False)).body.decode()
    assert '"PROXY [fd00::5]:8080"' in text
    assert '"example"' in text
