"""What the pages of certs/ tell people to type works: programs refuse us before, and accept us after."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from wsproxy import config
from wsproxy.certs import Authority

pytestmark = pytest.mark.alike


def guide(page: str) -> str:
    return (config.shared_dir("certs") / f"{page}.md").read_text(encoding="utf-8")


PYTHON = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
NODE = "fetch(process.argv[1]).then(r => r.text()).then(console.log, () => process.exit(1))"


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"welcome\n")

    def log_message(self, *arguments: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that refuse the certificate are half of these tests


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def site(authority: Authority) -> Iterator[str]:
    """The URL of a server whose certificate our authority signed."""
    with Server(("127.0.0.1", 0), Page) as server:
        context = authority.issue("localhost").server_context()
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield f"https://localhost:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def succeeds(command: list[str], environment: Mapping[str, str] | None = None) -> bool:
    """Whether the program ends well and was welcomed, with no proxy and no other trust in its environment."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and "CERT" not in name and "BUNDLE" not in name
    }
    result = subprocess.run(command, env={**clean, **(environment or {})}, capture_output=True, check=False)
    return result.returncode == 0 and b"welcome" in result.stdout


@pytest.mark.parametrize(
    ("page", "command", "variable"),
    [
        pytest.param("curl", ["curl", "-s"], "CURL_CA_BUNDLE", marks=needs("curl"), id="curl"),
        pytest.param(
            *("node", ["node", "-e", NODE], "NODE_EXTRA_CA_CERTS"),
            marks=[needs("node"), pytest.mark.node],
            id="node",
        ),
        pytest.param("python", [sys.executable, "-c", PYTHON], "SSL_CERT_FILE", id="python"),
    ],
)
def test_a_variable_makes_one_command_trust_us(
    authority: Authority, site: str, page: str, command: list[str], variable: str
) -> None:
    assert f"{variable}=wsproxy-ca.pem" in guide(page)

    assert not succeeds([*command, site])
    assert succeeds([*command, site], {variable: str(authority.certificate_path)})


@needs("curl")
def test_curl_takes_the_file_as_an_option(authority: Authority, site: str) -> None:
    assert "--cacert wsproxy-ca.pem" in guide("curl")

    assert succeeds(["curl", "-s", "--cacert", str(authority.certificate_path), site])


def block(page: str, beginning: str) -> str:
    """The indented commands of a page that begin so."""
    lines = guide(page).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"    {beginning}"))
    end = lines.index("", start)
    return "\n".join(line[4:] for line in lines[start:end])


def shell(script: str, folder: Path) -> None:
    """Run commands in `folder`, which is also the home folder."""
    subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


@needs("keytool")
@needs("java")
@pytest.mark.slow
def test_java_trusts_us_through_the_store_of_the_guide(
    authority: Authority, site: str, tmp_path: Path
) -> None:
    shutil.copy(authority.certificate_path, tmp_path / "wsproxy-ca.pem")
    (tmp_path / "Get.java").write_text(
        "public class Get { public static void main(String[] a) throws Exception { System.out.println("
        "new String(new java.net.URI(a[0]).toURL().openStream().readAllBytes())); } }"
    )
    get = f"java Get.java {site} > answer"

    shell(f"{block('java', 'keytool -importcert')}\n{get}", tmp_path)

    assert "welcome" in (tmp_path / "answer").read_text()


@needs("certutil")
@pytest.mark.parametrize("existing", [None, ".pki/nssdb"])
def test_chromiums_database_gets_the_authority_and_loses_it_again(
    authority: Authority, tmp_path: Path, existing: str | None
) -> None:
    shutil.copy(authority.certificate_path, tmp_path / "wsproxy-ca.pem")
    database = tmp_path / (existing or ".local/share/pki/nssdb")
    if existing:
        database.mkdir(parents=True)
    add = block("chrome", "db=")

    def listed() -> str:
        command = ["certutil", "-d", f"sql:{database}", "-L"]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout

    shell(add, tmp_path)
    assert "wsproxy" in listed()
    assert "C,," in listed()

    choose = add.splitlines()[0]
    remove = block("chrome", 'certutil -d "sql:$db" -D')
    shell(f"{choose}\n{remove}", tmp_path)
    assert "wsproxy" not in listed()
