"""
The clock, on which all certificates depend.

Nobody is asked over the network. A clock that is behind shows by what is older than now and should not be.
"""

import datetime
from pathlib import Path

import wsproxy
from wsproxy.certs.root import BACKDATED
from wsproxy.doctor.check import Check

_DAY = datetime.timedelta(days=1)


def check(authority_made: datetime.datetime | None, now: datetime.datetime | None = None) -> Check:
    """
    Whether it can be right.

    Args:
        authority_made: when the certificate authority became valid, if there is one.
        now: in UTC; what the clock says if None.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    installed = datetime.datetime.fromtimestamp(Path(wsproxy.__file__).stat().st_mtime, datetime.UTC)
    since = {"wsproxy was installed": installed}
    if authority_made is not None:
        since["the certificate authority was made"] = authority_made + BACKDATED
    for what, when in since.items():
        if now < when - _DAY:
            return Check(
                "clock",
                "wrong",
                f"it says {now:%Y-%m-%d %H:%M} UTC, but {what} on {when:%Y-%m-%d}",
                "Set the clock: certificates would be refused as not valid yet",
            )
    return Check("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC")
