"""
README's first screen, word for word: from nothing to frames of one's own `wss` site in a browser.

The reader's machine has an empty home, a Python and a Chromium, which shows no window. It is a machine of its
own, so that `your.site` and port 8080 can be what the README says. The site is vouched for by an authority
that is among those of that system, as a company's would be.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support import tls
from tests.support.browser import missing
from tests.support.machine import machine, needs_machine, once
from tests.support.terminal import Terminal, needs_tmux
from wsproxy.browsers import chromium

ROOT = Path(__file__).parents[2]
NOT_IN_A_CHECKOUT = shutil.ignore_patterns(
    ".git", ".venv*", "node_modules", "__pycache__", ".*_cache", "tests", "out"
)
PYTHON = Path(getattr(sys, "_base_executable", sys.executable))
"""Outside of any virtual environment."""

SITE = """
import ssl, sys
from aiohttp import web

PAGE = '''<!doctype html><title>My site</title><script>
const socket = new WebSocket(`wss://${location.host}/chat`);
socket.onopen = () => socket.send("hello from my page");
</script>'''

async def page(request):
    return web.Response(text=PAGE, content_type="text/html")

async def chat(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(f"my site heard: {message.data}")
    return socket

app = web.Application()
app.add_routes([web.get("/", page), web.get("/chat", chat)])
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[1])
def serving(text):
    print("serving", flush=True)

web.run_app(app, host="127.0.0.2", port=443, ssl_context=context, print=serving)
"""


def first_screen() -> list[str]:
    """The commands."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## Your own site, in a minute\n")[2]
    block = re.search(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert block
    return block[1].splitlines()


def test_they_are_three_and_on_the_first_screen() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = first_screen()
    assert len(commands) <= 3
    assert lines.index(commands[-1]) < 40


class Reader:
    """Who has just found this program, and nothing of it yet."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.home, self.scratch = (folder / name for name in ("checkout", "reader", "tmp"))
        programs = folder / "bin"
        for made in (self.home, self.scratch, programs):
            made.mkdir()
        shutil.copytree(ROOT, self.checkout, ignore=NOT_IN_A_CHECKOUT)
        for name, command in (("python3", PYTHON), ("chromium", f"{chromium.find()} --headless=new")):
            (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (programs / name).chmod(0o755)
        # Where packages come from is a matter of the machine.
        packages = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        # What is imported is compiled when it is; most of what is installed never is.
        packages["PIP_NO_COMPILE"] = "1"
        packages.setdefault("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
        for place in (".config/pip/pip.conf", ".pip/pip.conf"):
            if (Path.home() / place).is_file():
                packages.setdefault("PIP_CONFIG_FILE", str(Path.home() / place))
        self.environment = {
            **packages,
            "HOME": str(self.home),
            "PATH": f"{programs}:/usr/bin:/bin",
            "TMPDIR": str(self.scratch),
            "LANG": "C.UTF-8",
        }

    def link(self) -> None:
        """
        What the first command leaves behind, with our packages in place of copies of them: the longest of all
        that the reader waits for is pip, which this does not try.
        """
        made = self.checkout / ".venv"
        self.run(f"python3 -m venv --without-pip {made}")
        [packages] = (made / "lib").glob("python*/site-packages")
        ours = [path for path in map(sysconfig.get_path, ("purelib", "platlib")) if path]
        (packages / "ours.pth").write_text("\n".join([str(self.checkout), *dict.fromkeys(ours)]))
        script = made / "bin" / "wsproxy"
        script.write_text(
            f"#!{made}/bin/python\nimport sys\nfrom wsproxy.cli.main import main\nsys.exit(main())\n"
        )
        script.chmod(0o755)

    def shell(self, terminal: Terminal) -> None:
        """Open one in the checkout."""
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        words = ["env", "-i", *settings, "TERM=xterm-256color", "sh"]
        terminal.start(*words, env={}, folder=self.checkout, width=120, height=30)

    def run(self, line: str) -> str:
        """Run a line in the checkout to its end; what it printed."""
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.checkout,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


def system_with(authority: Path, folder: Path) -> tuple[Path, Path]:
    """The file of the system's authorities, and one with `authority` beside them."""
    places = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
    system = next(path for path in map(Path, places) if path.exists())
    both = folder / "authorities.pem"
    both.write_bytes(system.read_bytes() + authority.read_bytes())
    return system, both


INSTALL = "python3 -m venv .venv && .venv/bin/pip install ."


@pytest.mark.browser
@pytest.mark.slow
@once
@pytest.mark.timeout(300)
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
@needs_machine
@needs_tmux
@pytest.mark.parametrize("installed", ["linked", pytest.param("whole", marks=pytest.mark.long)])
async def test_three_commands_lead_to_frames_of_ones_own_site_in_a_browser(
    tmp_path: Path, installed: str
) -> None:
    install, start, browse = first_screen()
    assert install == INSTALL
    reader = Reader(tmp_path)
    hosts, certificate = tmp_path / "hosts", tmp_path / "site.pem"
    hosts.write_text("127.0.0.1 localhost\n127.0.0.2 your.site\n")
    tls.test_ca().issue_cert("your.site").private_key_and_cert_chain_pem.write_to_path(str(certificate))

    system, with_ours = system_with(tls.ca_file(tmp_path), tmp_path)
    if installed == "whole":
        reader.run(install)
    else:
        reader.link()
    with machine() as here:
        here.run("mount", "--bind", str(hosts), "/etc/hosts")
        here.run("mount", "--bind", str(with_ours), str(system))
        here.start(sys.executable, "-c", SITE, str(certificate)).until("serving")
        first, second = (Terminal(tmp_path, here.command) for _ in range(2))
        reader.shell(first)
        first.type(start)
        first.press("Enter")
        await first.shown("no connections yet", "127.0.0.1:8080")
        reader.shell(second)
        second.type(browse)
        second.press("Enter")
        await second.shown("goes through 127.0.0.1:8080")

        await first.shown("your.site/chat", "hello from my page", "my site heard: hello from my page")

        # And out again: Ctrl-C ends the browser, and nothing of it is left.
        second.press("C-c")
        second.type("exit")
        second.press("Enter")
        await second.ended()
        first.press("q")
        await first.shown("Stop the proxy")
        first.press("Enter")
        await first.shown("captured in")
        first.type("exit")
        first.press("Enter")
        await first.ended()
        first.end()
        second.end()
    lines = map(json.loads, reader.run(".venv/bin/wsproxy log last --json").splitlines())
    texts = [(line["direction"], line["text"]) for line in lines if line.get("opcode") == "text"]
    assert texts == [("send", "hello from my page"), ("receive", "my site heard: hello from my page")]
    # The last is dconf's, which Chromium asks, in a session without a folder for such (XDG_RUNTIME_DIR).
    assert left_in(reader.home) <= {".config/wsproxy", ".local/share/wsproxy", ".cache/dconf/user"}
    assert left_in(reader.scratch) == set()


def left_in(folder: Path) -> set[str]:
    """Where there are files: the first two folders of their paths."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()]
    return {"/".join(path.parts[:2] if path.parts[0] == ".config" else path.parts[:3]) for path in files}
