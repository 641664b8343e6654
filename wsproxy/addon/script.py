"""One loaded addon: its module, its hooks, and what it did wrong."""

import difflib
import importlib.machinery
import importlib.util
import inspect
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeAlias

from wsproxy.addon import failures, hooks
from wsproxy.addon.options import Options
from wsproxy.addon.owner import RAISED
from wsproxy.errors import AddonError

Version: TypeAlias = tuple[int, int]
"""Of a file: when it was changed (ns) and its size."""

_numbers = itertools.count(1)


class Script:
    """
    An addon.

    Attributes:
        name: how people call it.
        path: its file; None for an object given by a test.
        module: the file's module, or that object.
        parts: all objects that may have hooks: `module`, and what is in lists called `addons`.
        hooks: by name, those it has.
        redacts: it may use `record_as`: a part has `redacts = True`.
        by: what the capture calls it.
        is_current: it is loaded, and this is its newest version.
        errors: how often it raised, by (exception, file, line).
    """

    def __init__(
        self,
        name: str,
        module: object,
        options: Options,
        tell: Callable[[str], None],
        path: Path | None = None,
        version: Version = (0, 0),
    ) -> None:
        self.name = name
        self.path = path
        self.module = module
        self.by = f"addon {name}"
        self.options = options
        self.version = version
        self.is_current = False
        self.parts = tuple(_parts(module))
        self.redacts = any(getattr(part, "redacts", False) is True for part in self.parts)
        self.hooks = {hook: found for hook in hooks.HOOKS if (found := tuple(self._found(hook)))}
        self.errors: dict[tuple[str, str, int], int] = {}
        self.on_failure: Callable[[BaseException], None] | None = None
        self._tell = tell

    @classmethod
    def read(cls, path: Path, name: str, options: Options, tell: Callable[[str], None]) -> "Script":
        """
        Import a file. None of its hooks is called yet.

        Raises:
            AddonError: it cannot be imported, or something in it is no addon's.
        """
        try:
            version = version_of(path)
            module = _import(path)
        except RAISED as error:
            raise load_error(name, str(path), error) from error
        try:
            return cls(name, module, options, tell, path, version)
        except AddonError:
            sys.modules.pop(module.__name__, None)
            raise

    @property
    def file(self) -> str | None:
        """Its file, as tracebacks name it."""
        if self.path is not None:
            return str(self.path)
        try:
            kind = self.module if isinstance(self.module, ModuleType) else type(self.module)
            return inspect.getsourcefile(kind)
        except TypeError:
            return None

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (inspect.getdoc(self.module) or "").strip().partition("\n")[0]

    def failed(self, error: BaseException, doing: str) -> None:
        """
        It raised. Told once for each kind of exception and line.

        Args:
            error: what.
            doing: a hook's name, or what it was otherwise.
        """
        where, line = failures.place(error, self.file)
        key = (type(error).__name__, where, line)
        self.errors[key] = self.errors.get(key, 0) + 1
        if self.on_failure is not None:
            self.on_failure(error)
        if self.errors[key] == 1:
            said = f"{self.by} failed in {doing}: {failures.headline(error)} ({where}, line {line})"
            self._tell("\n".join([said, *failures.lines(error, self.file)]))

    def forget(self) -> None:
        """Nobody needs its module any more."""
        self.is_current = False
        if self.path is not None and isinstance(self.module, ModuleType):
            sys.modules.pop(self.module.__name__, None)

    @property
    def hints(self) -> list[str]:
        """What looks like a hook and is none: sentences."""
        said = []
        for part in self.parts:
            for name in dir(part):
                if (
                    not name.startswith("ws_")
                    or name in hooks.HOOKS
                    or not callable(getattr(part, name, None))
                ):
                    continue
                near = difflib.get_close_matches(name, hooks.HOOKS, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(hooks.HOOKS)}"
                said.append(f"{self.by}: {name} is no hook and will not be called; {hint}")
        return said

    def _found(self, hook: str) -> Iterator[Callable[..., Any]]:
        wanted = hooks.arguments(hook)
        for part in self.parts:
            function = getattr(part, hook, None)
            # A module may be imported by the name of a hook.
            if function is None or isinstance(function, ModuleType):
                continue
            if not callable(function):
                raise AddonError(f"{self.by}: {hook} is {type(function).__name__}, not a function")
            try:
                inspect.signature(function).bind(*wanted)
            except TypeError:
                given = inspect.signature(function)
                raise AddonError(f"{self.by}: {hook} must take ({', '.join(wanted)}), not {given}") from None
            except ValueError:
                # Something in C, which cannot be asked.
                pass
            if inspect.iscoroutinefunction(function):
                if hook in ("load", "configure", "ws_polling", "done"):
                    raise AddonError(f"{self.by}: {hook} cannot be async")
                if self.redacts and hook in ("ws_message", "ws_frame"):
                    raise AddonError(f"{self.by}: {hook} cannot be async in an addon that redacts")
            yield function


def load_error(name: str, file: str | None, error: BaseException) -> AddonError:
    """Why an addon could not be loaded, with file, line and its part of the traceback."""
    where, line = failures.place(error, file)
    said = f"the addon {name} cannot be loaded: {failures.headline(error)} ({where}, line {line})"
    if isinstance(error, OSError) and error.filename == file:
        said = f"the addon {name} cannot be loaded: {file}: {error.strerror}"
        return AddonError(said)
    return AddonError("\n".join([said, *failures.lines(error, file)]))


def version_of(path: Path) -> Version:
    """Which version of a file is there. Raises OSError."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size


class _Loader(importlib.machinery.SourceFileLoader):
    """Without `__pycache__`: its times have whole seconds, and people save twice in one."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _import(path: Path) -> ModuleType:
    # Under a name of its own, so that two versions, and two files of one name, can be there at once.
    name = f"_wsproxy_addon_{next(_numbers)}_{path.stem}"
    spec = importlib.util.spec_from_loader(name, _Loader(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder = str(path.parent)
    sys.path.insert(0, folder)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
    return module


def _parts(module: object) -> Iterator[object]:
    yield module
    inner = getattr(module, "addons", None)
    if isinstance(inner, Iterable) and not isinstance(inner, str | bytes):
        for part in inner:
            yield from _parts(part)
