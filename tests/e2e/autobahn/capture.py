"""
Whether a capture has what a run did.
"""

from tests.e2e.autobahn.runs import Run
from wsproxy.store import totals
from wsproxy.store.reader import Reader


def faults(run: Run) -> list[str]:
    """
    What is wrong with the capture of a run through the proxy, and with what the proxy said.

    Every case must be a connection that was accepted and has ended, with as many frames of each kind
    as the fuzzer received, and the proxy must have had nothing to complain about.
    """
    assert run.capture is not None
    found = [f"the proxy said: {line}" for line in run.proxy_said]
    with Reader(run.capture) as reader:
        connections = reader.connections()
        closures = reader.closures()
        opcodes = totals.opcodes(reader)
        found += [f"{gap.frames} frames were not recorded: {gap.reason}" for gap in reader.gaps()]
    found += [
        f"connection {c.id} ({c.url}): status {c.status}, error {c.error}"
        for c in connections
        if c.status != 101 or c.error
    ]
    found += [f"connection {c.id} ({c.url}) has no end" for c in connections if c.id not in closures]
    # An echo client also asks how many cases there are, and in the end for the reports.
    cases = [c for c in connections if run.direction == "client" or "/runCase?" in c.url]
    if len(cases) != len(run.order):
        return [*found, f"{len(run.order)} cases were run, {len(cases)} are in the capture"]
    to_fuzzer_from_client = run.direction == "server"
    for case, connection in zip(run.order, cases, strict=True):
        captured = {
            str(opcode): count
            for (number, from_client, opcode), count in opcodes.items()
            if number == connection.id and from_client is to_fuzzer_from_client
        }
        received = run.fuzzer[case]["frameCounts"] if case in run.fuzzer else {}
        if captured != received:
            found.append(f"case {case}: the fuzzer received frames {received}, the capture has {captured}")
    return found
