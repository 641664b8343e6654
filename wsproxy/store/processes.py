"""
Other processes: whether one that wrote its number into a file is still there.
"""

import os
import sys
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether there is such a process, whoever it belongs to."""
    if sys.platform == "win32":
        # There `os.kill(pid, 0)` is not a question: it sends Ctrl-C.
        import ctypes

        query_limited_information, still_active = 0x1000, 259
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(query_limited_information, False, pid)
        if not handle:
            return False
        code = ctypes.c_ulong()
        known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return not known or code.value == still_active
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def born(pid: int) -> str:
    """
    When a process began, in a form to compare: numbers are given to new processes again.

    Returns:
        Empty where there is no such process, and where that cannot be found out.
    """
    if sys.platform != "linux":
        return ""
    try:
        # proc_pid_stat(5): the 22nd field, in clock ticks after the boot; the second may hold spaces.
        ticks = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (OSError, IndexError, ValueError):
        return ""
    return f"{boot} {ticks}"
