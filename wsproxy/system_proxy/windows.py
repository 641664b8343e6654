"""
Windows: the user's Internet Settings in the registry, which WinINet, WinHTTP's users, Chrome and Edge read.

A value is `TYPE:CONTENT`, with the number of the registry's type.
"""

import contextlib
import importlib
import sys
from typing import Any

from wsproxy.system_proxy.settings import Settings, Values

_KEY = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_REG_SZ, _REG_DWORD = 1, 4
_SETTINGS_CHANGED, _REFRESH = 39, 37
"""INTERNET_OPTION_SETTINGS_CHANGED and INTERNET_OPTION_REFRESH of wininet.h."""


class Windows(Settings):
    """
    Args:
        registry: with the functions of the module `winreg`.
    """

    name = "windows"
    title = "Windows"

    def __init__(self, registry: Any = None) -> None:
        self._registry = registry or importlib.import_module("winreg")

    @classmethod
    def is_here(cls) -> bool:
        return sys.platform == "win32"

    def wanted(self, host: str, port: int) -> Values:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return {
            "AutoConfigURL": None,
            "ProxyServer": f"{_REG_SZ}:{place}",
            # Otherwise loopback goes around it, as far as programs heed this.
            "ProxyOverride": f"{_REG_SZ}:<-loopback>",
            "ProxyEnable": f"{_REG_DWORD}:1",
        }

    def read(self, name: str) -> str | None:
        with self._open(self._registry.KEY_READ) as key:
            try:
                value, kind = self._registry.QueryValueEx(key, name)
            except FileNotFoundError:
                return None
        return f"{kind}:{value}"

    def write(self, name: str, value: str | None) -> None:
        with self._open(self._registry.KEY_SET_VALUE) as key:
            if value is None:
                with contextlib.suppress(FileNotFoundError):
                    self._registry.DeleteValue(key, name)
                return
            kind, _, content = value.partition(":")
            number = int(kind)
            self._registry.SetValueEx(key, name, 0, number, int(content) if number == _REG_DWORD else content)

    def announce(self) -> None:
        if sys.platform != "win32":
            return
        import ctypes

        for option in (_SETTINGS_CHANGED, _REFRESH):
            ctypes.windll.wininet.InternetSetOptionW(None, option, None, 0)

    def _open(self, access: int) -> Any:
        return self._registry.OpenKey(self._registry.HKEY_CURRENT_USER, _KEY, 0, access)
