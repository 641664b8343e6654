"""`wsproxy env`: a shell is set up for the proxy, and set back."""

import os
import sys
from pathlib import Path

from tests.support.client_site import PYTHON_CLIENT, opened, outcome, site
from tests.support.proxy import running
from wsproxy.clients.variables import REPLACING


async def test_a_shell_is_set_up_and_set_back(tmp_path: Path) -> None:
    home = {"WSPROXY_HOME": str(tmp_path / "home"), "https_proxy": "http://company:3128", "NO_COLOR": "1"}
    script = """
        eval "$("$0" -m wsproxy env)" && "$0" -c "$1" "$2" && eval "$("$0" -m wsproxy env --unset)" &&
        echo "$https_proxy ${SSL_CERT_FILE-none}"
    """
    async with site() as there, running(tmp_path) as proxy:
        words = [sys.executable, PYTHON_CLIENT, there.url("ws")]
        before = {name: value for name, value in os.environ.items() if name not in REPLACING}
        answer = await outcome({**before, **home}, "sh", "-c", script, *words)
        assert answer.splitlines() == ["you said hello from here", "http://company:3128 none"]
        assert opened(proxy) == [there.url("ws")]


async def test_without_a_proxy_a_shell_is_told_so_and_stays_as_it_is(tmp_path: Path) -> None:
    home = {"WSPROXY_HOME": str(tmp_path / "home"), "NO_COLOR": "1"}
    answer = await outcome({**os.environ, **home}, sys.executable, "-m", "wsproxy", "env")
    assert answer.splitlines()[0] == "wsproxy: error: no proxy is running"
