"""
macOS: the proxies of every network service, by `networksetup` (its manual page says how it prints them).

A name here is `SERVICE/KIND`; a value is what makes it as it was: `on|off HOST PORT`, `on|off URL`, or the
domains that are left out, one a line.
"""

import contextlib
import re
import sys

from wsproxy.errors import WsproxyError
from wsproxy.system_proxy.settings import Settings, Values, run

_PROGRAM = "networksetup"
_MANUAL = ("webproxy", "securewebproxy", "socksfirewallproxy")


class MacOS(Settings):
    """By `networksetup`."""

    name = "macos"
    title = "macOS"

    @classmethod
    def is_here(cls) -> bool:
        return sys.platform == "darwin"

    def wanted(self, host: str, port: int) -> Values:
        values: Values = {}
        for service in self._services():
            values[f"{service}/proxybypassdomains"] = ""
            for kind in ("webproxy", "securewebproxy"):
                values[f"{service}/{kind}"] = f"on {host} {port}"
            # They would be asked first.
            for kind in ("autoproxyurl", "socksfirewallproxy"):
                state, _, rest = (self.read(f"{service}/{kind}") or "off").partition(" ")
                if state == "on":
                    values[f"{service}/{kind}"] = f"off {rest}"
        return values

    def read(self, name: str) -> str | None:
        service, kind = name.rsplit("/", 1)
        text = run(_PROGRAM, f"-get{kind}", service)
        if kind == "proxybypassdomains":
            return "" if text.startswith("There aren't any") else text.strip()
        found = dict(re.findall(r"^([^:\n]+): ?(.*)$", text, re.MULTILINE))
        state = "on" if found.get("Enabled") == "Yes" else "off"
        if kind == "autoproxyurl":
            url = found.get("URL", "")
            return f"{state} {'' if url == '(null)' else url}"
        if found.get("Authenticated Proxy Enabled", "0") != "0":
            raise WsproxyError(
                f"the proxy of {service} has a password, which could not be restored",
                "Leave the system's settings as they are: `wsproxy browser` needs none",
            )
        return f"{state} {found.get('Server', '')} {found.get('Port', '0')}"

    def write(self, name: str, value: str | None) -> None:
        service, kind = name.rsplit("/", 1)
        try:
            self._write(service, kind, value or "")
        except WsproxyError:
            # Of an adapter that was unplugged meanwhile there is nothing to change.
            if service in self._services(also_off=True):
                raise

    def _write(self, service: str, kind: str, value: str) -> None:
        if kind == "proxybypassdomains":
            run(_PROGRAM, f"-set{kind}", service, *(value.split("\n") if value else ["Empty"]))
            return
        state, _, rest = value.partition(" ")
        if kind == "autoproxyurl":
            # Setting a URL switches it on; so the state comes after.
            run(_PROGRAM, f"-set{kind}", service, rest or "(null)")
            run(_PROGRAM, "-setautoproxystate", service, state)
            return
        host, _, port = rest.rpartition(" ")
        # Not every version takes an empty host. What matters is the state, and setting a host switches it on.
        with contextlib.nullcontext() if host else contextlib.suppress(WsproxyError):
            run(_PROGRAM, f"-set{kind}", service, host, port)
        run(_PROGRAM, f"-set{kind}state", service, state)

    @staticmethod
    def _services(also_off: bool = False) -> list[str]:
        """Those that are switched on; the first line explains the asterisk of those that are not."""
        lines = run(_PROGRAM, "-listallnetworkservices").splitlines()[1:]
        return [line.removeprefix("*") for line in lines if line and (also_off or not line.startswith("*"))]
