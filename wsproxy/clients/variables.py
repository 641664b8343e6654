"""
The environment that sends the common runtimes through the proxy, and lets them trust it.

What each of these variables means to whom stands in `wsproxy help clients`.
"""

import os
import shlex
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from wsproxy.clients import trust

_SCHEMES = ("http", "https", "ws", "wss", "all")

REPLACING = (
    "SSL_CERT_FILE",  # OpenSSL: Python, Ruby, PHP, .NET and Go on Linux, Rust
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "WEBSOCKET_CLIENT_CA_BUNDLE",  # Python's websocket-client
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "HEX_CACERTS_PATH",
    "HTTPLIB2_CA_CERTS",
    "NIX_SSL_CERT_FILE",
    "PERL_LWP_SSL_CA_FILE",
)
"""Variables that name the authorities to trust instead of the usual ones."""

ADDING = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")
"""Variables that name authorities to trust beside the usual ones. Bun reads the first."""

NOWHERE = "wsproxy.invalid"
"""
Leaves no host out of the proxy. Empty would do for most; websocket-client takes that for loopback. No host
has this name (RFC 2606).
"""


def variables(
    host: str, port: int, certificate: Path, folder: Path, *, preload: bool = True, before: Mapping[str, str]
) -> dict[str, str]:
    """
    What to set.

    Args:
        host: of the proxy, for clients on this machine.
        port: likewise.
        certificate: the proxy's, PEM.
        folder: for the files that variables name; it exists, and must as long as they are used.
        preload: whether Node.js is given `preload.cjs`.
        before: the environment as it is. What it says of other authorities, and of options for Java and
            Node.js, is kept.

    Raises:
        WsproxyError: the files cannot be written.
    """
    files = trust.write(
        folder,
        certificate,
        [before[name] for name in REPLACING if before.get(name)],
        [before[name] for name in ADDING if before.get(name)],
    )
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    found = {f"{scheme}_proxy": url for scheme in _SCHEMES}
    found["no_proxy"] = NOWHERE
    if os.name != "nt":
        # Some read only these. Windows takes both for the same.
        found |= {name.upper(): value for name, value in found.items()}
    found |= dict.fromkeys(REPLACING, str(files.whole))
    found |= dict.fromkeys(ADDING, str(files.added))
    found["NODE_USE_ENV_PROXY"] = "1"
    if preload:
        with resources.as_file(resources.files("wsproxy.clients") / "preload.cjs") as path:
            found["NODE_OPTIONS"] = _joined(before.get("NODE_OPTIONS"), f"--require {_node_word(path)}")
    # An empty one stands for the folder that was compiled in.
    php = before.get("PHP_INI_SCAN_DIR", "").removesuffix(os.pathsep + str(files.php))
    found["PHP_INI_SCAN_DIR"] = os.pathsep.join([php, str(files.php)])
    found["JAVA_TOOL_OPTIONS"] = _joined(
        before.get("JAVA_TOOL_OPTIONS"), _java_options(host, port, files.java)
    )
    return found


def _java_options(host: str, port: int, store: Path) -> str:
    settings = {
        "http.proxyHost": host,
        "http.proxyPort": str(port),
        "https.proxyHost": host,
        "https.proxyPort": str(port),
        # Otherwise loopback goes around it.
        "http.nonProxyHosts": "",
        "javax.net.ssl.trustStore": str(store),
        "javax.net.ssl.trustStoreType": "JKS",
        "javax.net.ssl.trustStorePassword": trust.STORE_PASSWORD,
    }
    # The virtual machine takes quotes as a shell does.
    return " ".join(shlex.quote(f"-D{name}={value}") for name, value in settings.items())


def _node_word(path: Path) -> str:
    text = str(path)
    if not any(character in text for character in ' "\\'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _joined(before: str | None, ours: str) -> str:
    if before and ours in before:
        return before
    return f"{before} {ours}" if before else ours
