"""Processes of this program that it starts itself."""

import sys


def own(module: str, *arguments: str) -> list[str]:
    """
    The command that runs a module with the Python we run on.

    What lies in the working directory has no say in it: that is often somebody's project, and a `queue.py`
    there is not the one of the standard library.
    """
    return [sys.executable, "-P", "-m", module, *arguments]
