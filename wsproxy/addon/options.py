"""
The options of an addon: declared in `load`, set with `--set name=value`, read as attributes.

They live where the carrier keeps them: in the engine among mitmproxy's, so that `--set` and the
control API treat all alike; in the test harness in a dict.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, get_origin

from wsproxy.errors import OptionError


class Store(Protocol):
    """Where the values are."""

    def add(
        self, name: str, typespec: Any, default: Any, help: str, choices: Sequence[str] | None = None
    ) -> None:
        """
        Declare an option; again is fine.

        Args:
            name: a Python name.
            typespec: `bool`, `int`, `str`, `int | None`, `str | None` or `Sequence[str]`, as mitmproxy has
                them.
            default: the value where nobody sets one.
            help: one sentence.
            choices: the only values it can have.
        """

    def get(self, name: str) -> Any:
        """Its value. Raises KeyError."""


@dataclass(frozen=True, slots=True)
class Option:
    """One declared option."""

    name: str
    typespec: Any
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    is_float: bool = False

    @property
    def type_name(self) -> str:
        """For people: `bool`, `int`, `number`, `str`, `str, optional`, `list`."""
        if self.is_float:
            return "number"
        if get_origin(self.typespec) is Sequence:
            return "list"
        names = {bool: "bool", int: "int", str: "str"}
        return names.get(self.typespec) or f"{'int' if self.typespec == int | None else 'str'}, optional"


class Options:
    """
    The options of one addon; those of the program can be read, too.

    Args:
        store: where they are.
        add_command: passes mitmproxy's `loader.add_command` on, where there is mitmproxy.
    """

    _store: Store
    declared: dict[str, Option]
    """By name, in order."""

    def __init__(
        self, store: Store, add_command: Callable[[str, Callable[..., Any]], None] | None = None
    ) -> None:
        self.__dict__.update(_store=store, declared={}, _add_command=add_command)

    def add(self, name: str, default: Any, help: str, choices: Iterable[str] | None = None) -> None:
        """
        Declare an option. Its type is that of its default: bool, int, float, str, a list of str, or None
        for a str that may be missing.

        Args:
            name: begin it with the addon's, e.g. `delay_jitter`.
            default: the value where nobody sets one.
            help: one sentence.
            choices: the only values it can have.

        Raises:
            ValueError: an option cannot be like that.
        """
        # bool is an int, so it comes first.
        kinds: list[tuple[type, Any]] = [(bool, bool), (int, int), (float, str), (str, str)]
        is_float = isinstance(default, float)
        typespec: Any = next((spec for kind, spec in kinds if isinstance(default, kind)), None)
        if default is None:
            typespec = str | None
        elif isinstance(default, list | tuple) and all(isinstance(one, str) for one in default):
            typespec, default = Sequence[str], list(default)
        elif typespec is None:
            raise ValueError(
                f"the option {name} cannot be a {type(default).__name__}; there are bool, int, float, str, "
                "lists of str, and None"
            )
        self._declare(Option(name, typespec, default, help, tuple(choices or ()), is_float))

    def add_option(
        self, name: str, typespec: Any, default: Any, help: str, choices: Sequence[str] | None = None
    ) -> None:
        """As mitmproxy spells it."""
        self._declare(Option(name, typespec, default, help, tuple(choices or ())))

    def add_command(self, path: str, func: Callable[..., Any]) -> None:
        """As mitmproxy has it; nothing happens where there is no mitmproxy."""
        if self.__dict__["_add_command"]:
            self.__dict__["_add_command"](path, func)

    def check(self, names: Iterable[str]) -> None:
        """
        See whether the values of these options, as far as they are this addon's, are possible.

        Raises:
            OptionError: one is not.
        """
        for name in names:
            option = self.declared.get(name)
            if option is None:
                continue
            value = getattr(self, name)
            if option.choices and value not in option.choices:
                raise OptionError(f"{name} is one of {', '.join(option.choices)}, not {value!r}")

    def __getattr__(self, name: str) -> Any:
        try:
            value = self._store.get(name)
        except KeyError:
            raise AttributeError(f"there is no option {name!r}") from None
        option = self.declared.get(name)
        if option is None or not option.is_float:
            return value
        try:
            return float(value)
        except ValueError:
            raise OptionError(f"{name} is a number, not {value!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"an option is set with --set {name}=VALUE")

    def _declare(self, option: Option) -> None:
        if not option.name.isidentifier() or option.name in dir(type(self)):
            raise ValueError(f"{option.name!r} cannot be the name of an option")
        default = str(option.default) if option.is_float else option.default
        self._store.add(option.name, option.typespec, default, option.help, option.choices or None)
        self.declared[option.name] = option


class Values:
    """
    A store of its own, in memory.

    Args:
        values: what is set, by name: text as after `--set name=`, or the values themselves.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._set = dict(values or {})
        self._declared: dict[str, tuple[Any, Any]] = {}

    def add(
        self, name: str, typespec: Any, default: Any, help: str, choices: Sequence[str] | None = None
    ) -> None:
        self._declared[name] = (typespec, default)
        self.get(name)

    def set(self, name: str, value: Any) -> None:
        """Set one. Raises OptionError if it is not declared, or cannot have that value."""
        before = self._set.get(name, self._declared.get(name, (None, None))[1])
        self._set[name] = value
        try:
            if name not in self._declared:
                raise OptionError(f"there is no option {name!r}")
            self.get(name)
        except OptionError:
            self._set[name] = before
            raise

    @property
    def unknown(self) -> list[str]:
        """What is set and nobody has declared."""
        return [name for name in self._set if name not in self._declared]

    def get(self, name: str) -> Any:
        typespec, default = self._declared[name]
        value = self._set.get(name, default)
        if get_origin(typespec) is Sequence:
            return [value] if isinstance(value, str) else list(value)
        if value is None or (isinstance(value, bool) and typespec is bool):
            return value
        if typespec is bool:
            if value in ("true", "false"):
                return bool(value == "true")
            raise OptionError(f"{name} is true or false, not {value!r}")
        if typespec in (int, int | None):
            try:
                return int(value)
            except ValueError:
                raise OptionError(f"{name} is a whole number, not {value!r}") from None
        return str(value)
