"""Scripts in Python: a program, tests for pytest, load for Locust. Each stands alone."""

import re
from collections.abc import Iterator
from importlib import resources

from wsproxy.formats.literals import comment, python_data
from wsproxy.formats.session import Session

_PYTHON = """
def main() -> int:
    parser = argparse.ArgumentParser(description="Play the session; exit with 1 if the server differs.")
    parser.add_argument("to", nargs="?", default="", help="ws://host:port in place of the recorded server")
    parser.add_argument("--speed", type=float, default=0.0, help="with recorded pauses, shortened by this")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for each message")
    args = parser.parse_args()
    player = Player(
        CONNECTIONS,
        STEPS,
        to=args.to,
        timeout=args.timeout,
        speed=args.speed,
        ignored=IGNORED,
        variables=VARIABLES,
        heartbeats=HEARTBEATS,
    )
    differences = player.play()
    for difference in differences:
        print(difference)
    print(f"{len(differences)} differences in {len(STEPS)} steps")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
"""

_PYTEST = """
def test_the_server_says_what_was_recorded():
    player = Player(
        CONNECTIONS,
        STEPS,
        to=os.environ.get("WS_URL", ""),
        timeout=float(os.environ.get("WS_TIMEOUT", "10")),
        ignored=IGNORED,
        variables=VARIABLES,
        heartbeats=HEARTBEATS,
    )
    assert player.play() == []
"""

_LOCUST = '''
class Measured(Player):
    """Tells Locust of every message: how long its answer took, and what was wrong."""

    def __init__(self, user, **options):
        super().__init__(CONNECTIONS, STEPS, **options)
        self.user = user
        self.said = {}

    def tell(self, kind, name, began, length=0, problem=""):
        self.user.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=(time.perf_counter() - began) * 1000,
            response_length=length,
            exception=RuntimeError(problem) if problem else None,
            context={},
        )

    def step_open(self, connection):
        began = time.perf_counter()
        problem = super().step_open(connection)
        self.tell("OPEN", path_of(connection), began, problem=problem)
        return problem

    def step_refused(self, connection, status):
        began = time.perf_counter()
        problem = super().step_refused(connection, status)
        self.tell("REFUSED", path_of(connection), began, problem=problem)
        return problem

    def step_send(self, connection, message, name=""):
        began = time.perf_counter()
        problem = super().step_send(connection, message)
        self.said[connection] = (began, name or "message")
        self.tell("SEND", name or "message", began, len(message), problem)
        return problem

    def step_expect(self, connection, wanted):
        # The first answer is measured from what was said, the others from the one before.
        began, name = self.said.get(connection, (time.perf_counter(), "unasked"))
        problem = super().step_expect(connection, wanted)
        self.tell("ANSWER", name, began, len(wanted), problem)
        self.said[connection] = (time.perf_counter(), name)
        return problem

    def step_closed(self, connection, code, reason):
        began = time.perf_counter()
        problem = super().step_closed(connection, code, reason)
        self.tell("CLOSED", path_of(connection), began, problem=problem)
        return problem


def path_of(connection):
    return re.sub(r"^\\w+://[^/?]*|\\?.*", "", CONNECTIONS[connection]["url"]) or "/"


class SessionUser(User):
    """Plays the session again and again. --host ws://host:port goes there instead."""

    wait_time = constant(0)

    @task
    def session(self):
        player = Measured(
            self,
            to=self.host or "",
            timeout=float(os.environ.get("WS_TIMEOUT", "10")),
            speed=float(os.environ.get("WS_SPEED", "1")),
            ignored=IGNORED,
            variables=VARIABLES,
            heartbeats=HEARTBEATS,
        )
        player.play()
'''


def write_python(session: Session) -> Iterator[str]:
    """A program: `python session.py [ws://host:port]`."""
    yield comment(session, "#", "python FILE [ws://host:port]; needs `pip install websockets`.")
    yield from _script(session, ["argparse", "sys"], "", _PYTHON)


def write_pytest(session: Session) -> Iterator[str]:
    """A test: `pytest test_session.py`."""
    yield comment(
        session,
        "#",
        "pytest FILE; needs `pip install pytest websockets`. WS_URL=ws://host:port goes there instead.",
    )
    yield from _script(session, ["os"], "", _PYTEST)


def write_locust(session: Session) -> Iterator[str]:
    """Load: `locust -f session.py`, also with a master and workers."""
    yield comment(
        session,
        "#",
        "locust -f FILE [--host ws://host:port]; needs `pip install locust websockets`.",
        "WS_SPEED=0 leaves the recorded pauses out, WS_SPEED=10 shortens them.",
    )
    yield from _script(session, ["os"], "from locust import User, constant, task\n", _LOCUST, names=True)


def _script(
    session: Session, modules: list[str], imports: str, program: str, names: bool = False
) -> Iterator[str]:
    runtime = resources.files("wsproxy.formats.runtime").joinpath("talk.py").read_text(encoding="utf-8")
    body = runtime.partition('"""\n\n')[2]
    theirs = re.findall(r"^import (\w+)$", body, re.MULTILINE)
    rest = re.sub(r"^import \w+\n", "", body, flags=re.MULTILINE).lstrip("\n")
    yield "\n"
    # Locust patches the standard library, so it comes first.
    yield imports + ("\n" if imports else "")
    yield "".join(f"import {module}\n" for module in sorted({*modules, *theirs}))
    yield rest.partition("\n\n\n")[0] + "\n\n"
    yield from python_data(session, names)
    yield "\n\n" + rest.partition("\n\n\n")[2]
    yield "\n" + program
