"""Variables as a shell reads them, and the way back."""

import base64
import json
import shlex
from collections.abc import Callable, Mapping

from wsproxy.errors import UsageError

BEFORE = "WSPROXY_ENV_BEFORE"
"""What the variables were before they were set, so that they can be put back: JSON in base64."""

Values = Mapping[str, str | None]
"""Values by name; None takes a variable away."""


def with_way_back(wanted: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """
    `wanted`, and what it takes to undo it.

    Args:
        wanted: to be set.
        before: the environment as it is; where it has a way back already, that one is kept.
    """
    if BEFORE in before:
        return {**wanted, BEFORE: before[BEFORE]}
    were = {name: before.get(name) for name in wanted}
    return {**wanted, BEFORE: base64.b64encode(json.dumps(were).encode()).decode("ascii")}


def way_back(environment: Mapping[str, str]) -> dict[str, str | None]:
    """
    What undoes what was set in `environment`.

    Raises:
        UsageError: nothing was, or it cannot be understood any more.
    """
    if BEFORE not in environment:
        raise UsageError("this shell was not set up by `wsproxy env`", "There is nothing to undo")
    try:
        were = json.loads(base64.b64decode(environment[BEFORE], validate=True))
        found = {str(name): None if value is None else str(value) for name, value in were.items()}
    except (ValueError, AttributeError):
        raise UsageError(f"{BEFORE} cannot be understood", "Open a new shell") from None
    return {**found, BEFORE: None}


def written(values: Values, shell: str) -> str:
    """Lines that set `values`, in the syntax of one of `SHELLS`."""
    return "".join(f"{line}\n" for name, value in values.items() if (line := SHELLS[shell](name, value)))


def _sh(name: str, value: str | None) -> str:
    return f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str | None) -> str:
    if value is None:
        return f"set -e {name}"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _powershell(name: str, value: str | None) -> str:
    if value is None:
        return f"Remove-Item -ErrorAction Ignore Env:{name}"
    escaped = value.replace("'", "''")
    return f"$Env:{name} = '{escaped}'"


def _dotenv(name: str, value: str | None) -> str:
    """As the readers of such files agree on it, Docker's `--env-file` among them, which knows no quotes."""
    return f"{name}={value or ''}"


SHELLS: dict[str, Callable[[str, str | None], str]] = {
    "sh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
}
"""`sh` is for bash, zsh and every other shell of its kind."""
