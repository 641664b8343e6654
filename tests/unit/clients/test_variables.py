"""The environment of a program that goes through the proxy."""

import os
import shlex
import stat
import sys
import urllib.request
from pathlib import Path

import pytest
import trustme

from wsproxy.clients import variables as module
from wsproxy.clients.variables import ADDING, NOWHERE, REPLACING, variables


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    path = tmp_path / "ours.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


def made(tmp_path: Path, ours: Path, host: str = "127.0.0.1", **before: str) -> dict[str, str]:
    return variables(host, 9000, ours, tmp_path, before=before)


@pytest.mark.skipif(sys.platform == "win32", reason="there names are the same in either case")
def test_proxies_are_named_in_either_case(tmp_path: Path, ours: Path) -> None:
    found = made(tmp_path, ours)
    for scheme in ("http", "https", "ws", "wss", "all"):
        assert found[f"{scheme}_proxy"] == found[f"{scheme.upper()}_PROXY"] == "http://127.0.0.1:9000"
    assert found["no_proxy"] == found["NO_PROXY"] == NOWHERE


def test_an_ipv6_proxy_stands_in_brackets(tmp_path: Path, ours: Path) -> None:
    assert made(tmp_path, ours, "::1")["https_proxy"] == "http://[::1]:9000"


def test_no_host_is_left_out_loopback_included(
    tmp_path: Path, ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1,example.com")
    for name, value in made(tmp_path, ours).items():
        monkeypatch.setenv(name, value)
    for host in ("localhost", "127.0.0.1", "[::1]", "example.com"):
        assert not urllib.request.proxy_bypass_environment(host)  # type: ignore[attr-defined]


def test_the_files_are_named_by_those_who_replace_and_those_who_add(tmp_path: Path, ours: Path) -> None:
    found = made(tmp_path, ours)
    assert {found[name] for name in REPLACING} == {str(tmp_path / "bundle.pem")}
    assert {found[name] for name in ADDING} == {str(tmp_path / "added.pem")}
    assert stat.S_IMODE(os.stat(tmp_path / "bundle.pem").st_mode) == 0o600 or os.name == "nt"


def test_options_for_java_and_node_that_were_there_are_kept_in_front(tmp_path: Path, ours: Path) -> None:
    found = made(tmp_path, ours, JAVA_TOOL_OPTIONS="-Xmx1g", NODE_OPTIONS="--trace-warnings")
    assert found["JAVA_TOOL_OPTIONS"].startswith("-Xmx1g -Dhttp.proxyHost=127.0.0.1 ")
    assert found["NODE_OPTIONS"].startswith("--trace-warnings --require ")
    assert Path(found["NODE_OPTIONS"].split()[-1]).name == "preload.cjs"
    # A program started by one of ours gets them once.
    again = made(tmp_path, ours, **found)
    assert again["JAVA_TOOL_OPTIONS"] == found["JAVA_TOOL_OPTIONS"]
    assert again["NODE_OPTIONS"] == found["NODE_OPTIONS"]


def test_php_is_given_one_folder_of_settings_more(tmp_path: Path, ours: Path) -> None:
    # Nothing before the separator: the folder that was compiled in.
    found = made(tmp_path, ours)["PHP_INI_SCAN_DIR"]
    assert found == f"{os.pathsep}{tmp_path / 'php'}"
    assert made(tmp_path, ours, PHP_INI_SCAN_DIR=found)["PHP_INI_SCAN_DIR"] == found
    assert made(tmp_path, ours, PHP_INI_SCAN_DIR="/own")["PHP_INI_SCAN_DIR"] == f"/own{found}"
    [settings] = (tmp_path / "php").iterdir()
    bundle = f"'{tmp_path / 'bundle.pem'}'"
    assert settings.suffix == ".ini"
    assert settings.read_text() == f"curl.cainfo={bundle}\nopenssl.cafile={bundle}\n"


def test_a_folder_that_phps_settings_cannot_name_is_left_out(tmp_path: Path, ours: Path) -> None:
    folder = tmp_path / "it's"
    folder.mkdir()
    variables("127.0.0.1", 9000, ours, folder, before={})
    assert (folder / "php" / "wsproxy.ini").read_text() == ""


def test_nodes_preload_can_be_left_out(tmp_path: Path, ours: Path) -> None:
    assert "NODE_OPTIONS" not in variables("h", 1, ours, tmp_path, preload=False, before={})


def test_paths_with_spaces_stay_one_word(tmp_path: Path, ours: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    found = variables("127.0.0.1", 9000, ours, folder, before={})
    words = shlex.split(found["JAVA_TOOL_OPTIONS"])
    assert f"-Djavax.net.ssl.trustStore={folder / 'truststore.jks'}" in words
    assert module._node_word(Path('/a b/c"d.cjs')) == '"/a b/c\\"d.cjs"'
