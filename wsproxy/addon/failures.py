"""An exception in an addon, as its author wants to read it: their part of the traceback, nothing else."""

import traceback
from pathlib import Path
from types import TracebackType

_HERE = str(Path(__file__).parent)
_MOST_LINES = 40


def place(error: BaseException, file: str | None) -> tuple[str, int]:
    """The last line of the addon that was running: its file and number; of what raised, if none was."""
    if isinstance(error, SyntaxError):
        return error.filename or file or "", error.lineno or 0
    found = ("", 0)
    mine = False
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        if name == file or not mine:
            found = (name, line)
            mine = name == file
    return found


def headline(error: BaseException) -> str:
    """What it is, in one line."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    said = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def lines(error: BaseException, file: str | None) -> list[str]:
    """
    The traceback from the addon's first line on, without what is this package's.

    Args:
        error: what was raised.
        file: the addon's, as its code names it; None for one without a file.
    """
    if isinstance(error, SyntaxError):
        text = "".join(traceback.format_exception_only(error))
        return [line for line in text.splitlines()[:-1] if line.strip()][:_MOST_LINES]
    stack = traceback.extract_tb(_from(error.__traceback__, file))
    mine = [frame for frame in stack if not frame.filename.startswith(_HERE)]
    return "".join(traceback.format_list(mine)).splitlines()[-_MOST_LINES:]


def _from(tb: TracebackType | None, file: str | None) -> TracebackType | None:
    start = tb
    while start is not None and start.tb_frame.f_code.co_filename != file:
        start = start.tb_next
    return start if start is not None else tb
