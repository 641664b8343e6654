"""
What is done for less has the same results.

The originals are taken from a process of its own: other tests of this one may have replaced them.
"""

import subprocess
import sys

_SCRIPT = """
import warnings
warnings.simplefilter("ignore")
from collections.abc import Sequence
from cryptography.hazmat.primitives.asymmetric import ec
from mitmproxy import http, options, optmanager
from mitmproxy.certs import create_ca
from mitmproxy.proxy.context import Context
from mitmproxy.test import tflow
from OpenSSL import crypto
from wsproxy.engine import shortcuts

def forked():
    context = Context(tflow.tclient_conn(), options.Options())
    context.layers = [1, 2]
    fork = context.fork()
    fork.layers.append(3)
    same = all(getattr(fork, n) is getattr(context, n) for n in ("client", "server", "options"))
    return type(fork), sorted(vars(fork)), same, context.layers, fork.layers

class Opts(optmanager.OptManager):
    def __init__(self):
        super().__init__()
        self.add_option("number", int, 3, "")
        self.add_option("maybe", str | None, None, "")
        self.add_option("several", Sequence[str], ["a"], "")

def looked_at():
    opts = Opts()
    first = [opts.number, opts.maybe, opts.several]
    opts.several.append("not kept")
    opts.update(number=5, maybe="x", several=["b"])
    opts.several.append("not kept")
    second = [opts.number, opts.maybe, opts.several]
    opts.reset()
    return first, second, [opts.number, opts.maybe, opts.several], opts._options["number"].has_changed()

def checked():
    found = []
    good = vars(http.Request.make("GET", "http://a/").data)
    for wrong in ({"port": "80"}, {"headers": ()}, {"content": "x"}, {"timestamp_start": None}):
        for _ in range(2):
            data = dict(good, **wrong)
            try:
                http.RequestData(**data)
            except TypeError as e:
                found.append(str(e))
            else:
                found.append("accepted")
            http.RequestData(**good)
    return found

def converted():
    _, ca = create_ca("o", "c", 2048)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = [crypto.X509.from_cryptography(ca).to_cryptography() == ca for _ in range(2)]
    keys = [crypto.PKey.from_cryptography_key(key).to_cryptography_key() for _ in range(2)]
    keys = [other.private_numbers() == key.private_numbers() for other in keys]
    refused = []
    for convert in (crypto.X509.from_cryptography, crypto.PKey.from_cryptography_key):
        try:
            convert("neither")
        except TypeError as e:
            refused.append(str(e))
    return certificate, keys, refused

def all_of_them():
    return [forked(), looked_at(), checked(), converted()]

before = all_of_them()
shortcuts.install()
assert Context.fork is shortcuts._fork
after = all_of_them()
assert before == after, (before, after)
assert before[0][2] and before[1][2] == [3, None, ["a"]] and "accepted" not in before[2], before
_, ca = create_ca("o", "c", 2048)
assert crypto.X509.from_cryptography(ca) is crypto.X509.from_cryptography(ca)
"""


def test_the_results_are_those_of_the_originals() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
