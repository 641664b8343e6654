"""Which running proxy `wsproxy ctl` reaches, and which it does not."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.control import ask, ctl, environment, run_file, talk
from tests.support.proxy import running
from wsproxy.control.client import Client


async def test_without_a_proxy_every_command_says_so(tmp_path):
    for words in (["status"], ["connections"], ["release", "all"], ["events"], ["hold", "add"]):
        said = await ctl(tmp_path / "home", *words)
        assert (said.code, said.err) == (
            3,
            "wsproxy: error: no proxy is running\n  `wsproxy dump` starts one\n",
        )


async def test_one_of_several_is_chosen_by_its_port(tmp_path):
    home = {"WSPROXY_HOME": str(tmp_path / "one" / "home")}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with running(tmp_path / "one") as one, running(tmp_path / "two", env=home) as two:
        said = await ctl(one.home, "status")
        assert said.code == 3
        assert "several proxies are running" in said.err
        assert f"127.0.0.1:{one.port}" in said.err
        assert f"127.0.0.1:{two.port}" in said.err
        for proxy in (one, two):
            said = await ctl(one.home, "status", "--json", "--port", proxy.port)
            assert said.objects[0]["pid"] == proxy.pid
            control = said.objects[0]["control"].rpartition(":")[2]
            assert (await ctl(one.home, "status", "--json", "-p", control)).objects == [
                {**said.objects[0], "uptime": pytest.approx(said.objects[0]["uptime"], abs=60)}
            ]
        said = await ctl(one.home, "status", "--port", 1)
        assert said.code == 3
        assert "no proxy is running on port 1" in said.err


async def test_a_run_file_is_gone_with_its_proxy_and_cleaned_up_after_a_kill(tmp_path):
    async with running(tmp_path) as proxy:
        assert len(list((proxy.home / "run").iterdir())) == 1
        await proxy.stop()
        assert list((proxy.home / "run").iterdir()) == []
    (tmp_path / "again").mkdir()
    async with running(tmp_path / "again") as proxy:
        run = run_file(proxy.home)
        os.kill(proxy.pid, signal.SIGKILL)
        await proxy.process.wait()
        assert len(list((proxy.home / "run").iterdir())) == 1
        said = await ctl(proxy.home, "status")
        assert (said.code, "no proxy is running" in said.err) == (3, True)
        assert list((proxy.home / "run").iterdir()) == []
        with pytest.raises(ConnectionRefusedError):
            ask(run, "GET", "/status")


async def test_a_proxy_that_hangs_is_given_up(tmp_path):
    async with running(tmp_path) as proxy:
        run = run_file(proxy.home)
        os.kill(proxy.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Exception, match="does not answer"):
                await asyncio.to_thread(Client(run, timeout=0.5).status)
        finally:
            os.kill(proxy.pid, signal.SIGCONT)


async def test_control_can_be_switched_off(tmp_path):
    async with running(tmp_path, "--set", "control=false") as proxy:
        assert not (proxy.home / "run").exists()
        assert (await ctl(proxy.home, "status")).code == 3


async def test_the_proxy_runs_without_control_where_a_run_file_is_not_safe(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "run").symlink_to(elsewhere)
    async with running(tmp_path) as proxy:
        assert any("is a symbolic link" in line for line in proxy.said)
        assert list(elsewhere.iterdir()) == []
        said = await ctl(proxy.home, "status")
        assert (said.code, "is a symbolic link" in said.err) == (3, True)


# Completion.


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ctl cut ", ["1"]),
        ("ctl edit ", ["1"]),
        ("ctl release ", ["1", "all"]),
        ("ctl rule off ", ["1", "all"]),
        ("ctl hel", ["held"]),
    ],
)
async def test_the_shell_completes_ids(tmp_path, words, expected):
    async with talk(tmp_path) as t:
        await t.ctl("hold", "add")
        await t.client.send("a")
        await t.held()
        env = {
            **environment(t.proxy.home),
            "_WSPROXY_COMPLETE": "zsh_complete",
            "COMP_WORDS": f"wsproxy {words}",
            "COMP_CWORD": str(len(words.split()) + words.endswith(" ")),
        }
        program = str(Path(sys.executable).with_name("wsproxy"))
        process = await asyncio.create_subprocess_exec(program, env=env, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert out.decode().splitlines()[1::3] == expected
