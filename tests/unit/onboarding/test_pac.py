"""Proxy auto-configuration, as text; a real browser evaluates it in tests/e2e/test_onboarding.py."""

import shutil
import subprocess

import pytest

from wsproxy.onboarding import pac

NODE = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on PATH")


def asked(script: str, url: str, host: str) -> str:
    """What the function says."""
    program = f"{script}\nconsole.log(FindProxyForURL({url!r}, {host!r}))"
    return subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True).stdout.strip()


def test_without_only_every_host_goes_through_the_proxy() -> None:
    script = pac.script("10.0.0.5:8080")
    assert 'return "PROXY 10.0.0.5:8080";' in script
    assert "DIRECT" not in script


@NODE
@pytest.mark.node
def test_with_only_the_rest_goes_around_it() -> None:
    script = pac.script("10.0.0.5:8080", [r"(^|\.)example\.com:443$", "chat:80"])
    through, around = "PROXY 10.0.0.5:8080", "DIRECT"
    for url, host, expected in (
        ("https://example.com/", "example.com", through),
        ("wss://www.EXAMPLE.com/x?y:443", "www.EXAMPLE.com", through),
        ("https://example.com:8443/", "example.com", around),
        ("http://example.com/", "example.com", around),
        ("http://example.com/:443", "example.com", around),
        ("https://notexample.com/", "notexample.com", around),
        ("ws://chat/", "chat", through),
        ("ws://chat:80/", "chat", through),
        ("http://wsproxy.local/", "wsproxy.local", through),
    ):
        assert asked(script, url, host) == expected, url


@pytest.mark.parametrize("pattern", [r"(?P<a>x)", r"x\Z", r"(?x) x", "x++", "x{,3}", "(?<=a)b"])
def test_what_javascript_cannot_say_sends_everything_to_the_proxy_which_knows(pattern: str) -> None:
    script = pac.script("10.0.0.5:8080", ["example", pattern])
    assert "DIRECT" not in script
    assert "every host goes through the proxy, as JavaScript has no" in script


@NODE
@pytest.mark.node
def test_a_pattern_cannot_become_code() -> None:
    for pattern in ('"];evil();["', "\n*/evil()/*", "[", "\\Z\nevil()", "</script>", "\u2028evil()"):
        script = pac.script("10.0.0.5:8080", [pattern])
        program = (
            f"let called = 0; function evil() {{ called++ }}\n{script}\nFindProxyForURL('http://x/', 'x');"
        )
        done = subprocess.run(
            ["node", "-e", f"{program}\nconsole.log(called)"], capture_output=True, text=True, check=True
        )
        assert done.stdout == "0\n"
