"""
Local capture as `wsproxy help clients` tells it: a program that knows no proxy is taken over by its name.

mitmproxy does it on Linux by eBPF, in the root cgroup of version 2, which a machine of the test's own has.
It starts its helper by sudo, which may not be there and root does not need: a stand-in runs what it is told.
"""

import importlib.util
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support import tls
from tests.support.machine import machine, needs_machine, once
from wsproxy.store.reader import Reader

PAGE = (Path(__file__).parents[2] / "wsproxy" / "docs" / "clients.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Local capture\n")[2].partition("\n## ")[0]
SITE = "198.51.100.10"
"""The address of the server (RFC 5737): what goes to loopback is not taken over."""
PROGRAM = "wstalk"
"""Nobody else's."""

SUDO = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
exec "$@"
"""

ORIGIN = f"""
import ssl, sys
from websockets.sync.server import serve
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[1])
def answer(socket):
    for message in socket:
        socket.send(f"heard {{message}}")
with serve(answer, {SITE!r}, 443, ssl=context) as server:
    print("serving", flush=True)
    server.serve_forever()
"""

CLIENT = f"""
import ssl, sys
from websockets.sync.client import connect
context = ssl.create_default_context(cafile=sys.argv[1])
with connect("wss://{SITE}/path", ssl=context, proxy=None) as socket:
    socket.send("hello")
    print(socket.recv())
"""


def lacking() -> str | None:
    """What this machine lacks, besides root."""
    if importlib.util.find_spec("mitmproxy_linux") is None:
        return "mitmproxy has no local capture on Linux before version 12"
    kernel = Path("/proc/filesystems").read_text()
    has_bpf = Path("/sys/kernel/btf/vmlinux").exists()
    return None if "cgroup2" in kernel and has_bpf else "the kernel has no eBPF for local capture"


@once
@needs_machine
@pytest.mark.skipif(lacking() is not None, reason=str(lacking()))
def test_a_program_is_taken_over_by_its_name_and_others_are_not(tmp_path: Path) -> None:
    [start] = re.findall(r"^    wsproxy (dump .*)$", SECTION, re.MULTILINE)
    programs, certificate, capture = tmp_path / "bin", tmp_path / "site.pem", tmp_path / "capture.wsp"
    programs.mkdir()
    (programs / "sudo").write_text(SUDO)
    (programs / "sudo").chmod(0o755)
    for name in (PROGRAM, "another"):
        (programs / name).symlink_to(getattr(sys, "_base_executable", sys.executable))
    tls.test_ca().issue_cert(SITE).private_key_and_cert_chain_pem.write_to_path(str(certificate))
    own = ["--set", f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}", "-w", str(capture)]
    settings = ("env", f"WSPROXY_HOME={tmp_path / 'home'}", "NO_COLOR=1", f"PATH={programs}:/usr/bin:/bin")
    packages = ("env", f"PYTHONPATH={sysconfig.get_path('purelib')}")
    trust = tmp_path / "home" / "ca" / "mitmproxy-ca-cert.pem"
    with machine() as here:
        here.run("mount", "-t", "cgroup2", "none", "/sys/fs/cgroup")
        here.run("ip", "address", "add", f"{SITE}/32", "dev", "lo")
        here.start(sys.executable, "-c", ORIGIN, str(certificate)).until("serving")
        mode = start.replace("PROGRAM", PROGRAM).split()
        proxy = here.start(*settings, sys.executable, "-m", "wsproxy", *mode, "-q", *own)
        proxy.until("taking over connections")

        said = here.run(*packages, str(programs / PROGRAM), "-c", CLIENT, str(trust))
        assert said == "heard hello\n"
        said = here.run(*packages, str(programs / "another"), "-c", CLIENT, str(tmp_path / "test-ca.pem"))
        assert said == "heard hello\n"
        assert proxy.end() == 0, proxy.said
        assert not any("crashed" in line for line in proxy.said), proxy.said
    with Reader(capture) as reader:
        assert [found.url for found in reader.connections()] == [f"wss://{SITE}/path"]


@needs_machine
@pytest.mark.skipif(lacking() is not None, reason=str(lacking()))
def test_without_what_it_needs_it_is_said_in_two_lines(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wsproxy", "dump", "-m", f"local:{PROGRAM}", "-w", str(tmp_path / "x.wsp")],
        env={"PATH": str(tmp_path), "WSPROXY_HOME": str(tmp_path / "home"), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "cannot take over connections of programs here: Failed to run sudo" in done.stderr
    assert "Stack backtrace" not in done.stderr.partition("wsproxy: error:")[2]
