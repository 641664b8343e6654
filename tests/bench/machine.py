"""
Where and with what it was measured.
"""

import os
import platform
import sys
from importlib import metadata
from pathlib import Path


def machine() -> dict[str, object]:
    """Processor, cores, memory, system."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def runtime() -> dict[str, str]:
    """Python and the libraries that matter."""
    found = {"python": sys.version.split()[0]}
    for name in ("mitmproxy", "uvloop", "cryptography", "pyopenssl", "websockets"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
