# ruff: noqa: UP010
"""
One end of an Autobahn run: the fuzzer or the echo peer, as client or as server. Python 2.7.

    suite.py ROLE OPTIONS

ROLE is fuzzing-client, fuzzing-server, echo-client or echo-server. OPTIONS is a JSON object:

    url    clients: where to connect; servers: its scheme counts, the port is any free one
    proxy  clients: "host:port" of an HTTP proxy to go through with CONNECT, or null
    tls    servers: a PEM file with key and certificate, for wss
    cases  fuzzers: case ids and patterns
    out    fuzzers: folder for the suite's own HTML and JSON reports

On stdout there is one JSON object a line: where a server listens, which cases there are, and what
each end saw of every case. What the suite prints by itself goes to stderr.

The stock `wstest` lacks what this needs: its clients cannot use a proxy for wss (nor its fuzzer for
ws), its servers listen on all interfaces and on a fixed port only, refuse a Host header with another
port than their own, and do not all take a certificate. And the echo peers report nothing, while half
of a proxy's faults are seen by the far end only.
"""

from __future__ import print_function

import json
import sys

events, sys.stdout = sys.stdout, sys.stderr

from autobahn.twisted import websocket  # noqa: E402
from autobahntestsuite import fuzzing, testee  # noqa: E402
from autobahntestsuite.case import (  # noqa: E402
    CaseBasename,
    CaseCategories,
    Cases,
    CaseSetname,
    CaseSubCategories,
)
from autobahntestsuite.caseset import CaseSet  # noqa: E402
from twisted.internet import protocol, reactor, ssl  # noqa: E402
from twisted.protocols import tls  # noqa: E402

HOST = "127.0.0.1"

AGENT = "echo"

SEEN = [
    "wasClean",
    "wasNotCleanReason",
    "closedByMe",
    "failedByMe",
    "droppedByMe",
    "wasServerConnectionDropTimeout",
    "wasOpenHandshakeTimeout",
    "wasCloseHandshakeTimeout",
    "localCloseCode",
    "localCloseReason",
    "remoteCloseCode",
    "remoteCloseReason",
]
"""What autobahn's protocol object knows about the end of a connection."""

options = json.loads(sys.argv[2])


def plain(value):
    """The value as JSON can take it: byte strings as Latin-1."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return dict((str(key), plain(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def emit(event, **fields):
    events.write(json.dumps(dict(plain(fields), event=event)) + "\n")
    events.flush()


def seen_by(peer, reason):
    """How a connection looked from one end, once it is over."""
    view = dict((name, getattr(peer, name)) for name in SEEN)
    view["tcp"] = reason.type.__name__
    view["request"] = getattr(peer, "http_request_data", None)
    view["response"] = getattr(peer, "http_response_data", None)
    return view


# The fuzzer


def report_case(fuzzer, reason):
    case = fuzzer.runCase
    original_connection_lost(fuzzer, reason)
    if not case:
        return
    view = seen_by(fuzzer, reason)
    for name in ("behavior", "behaviorClose", "result", "resultClose", "received"):
        view[name] = getattr(case, name)
    view["frameCounts"] = fuzzer.rxFrameStats
    view["frames"] = [
        dict(length=entry[1][0], opcode=entry[2], fin=entry[3], rsv=entry[4], masked=entry[5])
        for entry in fuzzer.wirelog
        if entry[0] == "RF"
    ]
    emit("case", id=fuzzer.factory.CaseSet.caseClasstoId(fuzzer.Case), **view)


original_connection_lost = fuzzing.FuzzingProtocol.connectionLost
fuzzing.FuzzingProtocol.connectionLost = report_case


def fuzzing_client():
    spec = fuzzing_spec(servers=[{"agent": AGENT, "url": str(options["url"])}])
    fuzzing.startClient(spec)


def fuzzing_server():
    fuzzing.startServer(fuzzing_spec(url=str(options["url"])), 0, options.get("tls"), options.get("tls"))


def fuzzing_spec(**more):
    wanted = [str(case) for case in options["cases"]]
    known = CaseSet(CaseSetname, CaseBasename, Cases, CaseCategories, CaseSubCategories)
    for case in wanted:
        if not any(found in known.CasesById for found in known.resolveCasePatternList([case])):
            sys.exit("there is no case " + case)
    return dict(more, outdir=options["out"], cases=wanted)


# The echo peer


class EchoServer(testee.TesteeServerProtocol):
    number = None

    def onConnect(self, request):
        self.factory.count = getattr(self.factory, "count", 0) + 1
        self.number = self.factory.count
        return testee.TesteeServerProtocol.onConnect(self, request)

    def connectionLost(self, reason):
        testee.TesteeServerProtocol.connectionLost(self, reason)
        if self.number:
            emit("echo", number=self.number, **seen_by(self, reason))


class EchoClient(testee.TesteeClientProtocol):
    def connectionLost(self, reason):
        testee.TesteeClientProtocol.connectionLost(self, reason)
        # 0 asks how many cases there are, and after the last comes the request for the reports.
        if 1 <= self.factory.currentCaseId <= self.factory.endCaseId:
            emit("echo", number=self.factory.currentCaseId, **seen_by(self, reason))


testee.TesteeServerFactory.protocol = EchoServer
testee.TesteeClientFactory.protocol = EchoClient


def echo_client():
    testee.startClient(str(options["url"]), AGENT)


def echo_server():
    testee.startServer(str(options["url"]), None, options.get("tls"), options.get("tls"))


# The network


class Tunnel(protocol.Protocol):
    """Asks a proxy for a tunnel, then is the transport's reader on behalf of the inner protocol."""

    inner = None

    def __init__(self, outer, make_inner):
        self.target = b"%s:%d" % (outer.host, outer.port)
        self.make_inner = make_inner
        self.head = b""

    def connectionMade(self):
        self.transport.setTcpNoDelay(True)
        self.transport.write(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (self.target, self.target))

    def dataReceived(self, data):
        if self.inner is not None:
            self.inner.dataReceived(data)
            return
        self.head += data
        head, end, rest = self.head.partition(b"\r\n\r\n")
        if not end:
            return
        if head.split(None, 2)[1] != b"200":
            print("the proxy answered CONNECT with:", head)
            self.transport.abortConnection()
            return
        self.inner = self.make_inner(self.transport.getPeer())
        self.inner.makeConnection(self.transport)
        if rest:
            self.inner.dataReceived(rest)

    def connectionLost(self, reason):
        if self.inner is not None:
            self.inner.connectionLost(reason)
        else:
            print("the connection ended before there was a tunnel:", reason.getErrorMessage())


class TunnelFactory(protocol.ClientFactory):
    noisy = False

    def __init__(self, outer, context):
        self.outer = outer
        inner = tls.TLSMemoryBIOFactory(context, True, outer) if outer.isSecure else outer
        self.make_inner = inner.buildProtocol

    def buildProtocol(self, address):
        return Tunnel(self.outer, self.make_inner)

    def clientConnectionFailed(self, connector, reason):
        self.outer.clientConnectionFailed(connector, reason)

    def clientConnectionLost(self, connector, reason):
        self.outer.clientConnectionLost(connector, reason)


def announce(factory):
    if isinstance(factory, fuzzing.FuzzingFactory):
        emit("cases", cases=factory.specCases)


def connect(factory, contextFactory=None):
    announce(factory)
    if not options.get("proxy"):
        return websocket.connectWS(factory, contextFactory)
    host, port = options["proxy"].split(":")
    tunnel = TunnelFactory(factory, contextFactory or ssl.ClientContextFactory())
    return reactor.connectTCP(str(host), int(port), tunnel)


def listen(factory, contextFactory=None):
    announce(factory)
    # Otherwise a Host header with another port, as a reverse proxy may pass on, is answered with 400.
    factory.externalPort = None
    if factory.isSecure:
        port = reactor.listenSSL(0, factory, contextFactory, interface=HOST)
    else:
        port = reactor.listenTCP(0, factory, interface=HOST)
    emit("listening", port=port.getHost().port)


for module in (fuzzing, testee):
    module.connectWS = connect
    module.listenWS = listen
testee.ssl = ssl  # which that module forgets to import


if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")]()
    reactor.run()
