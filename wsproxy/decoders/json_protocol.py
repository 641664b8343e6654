"""What the protocols share whose messages are each one JSON value."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from wsproxy.decoders import json_, nested
from wsproxy.decoders.api import Decoded, Decoder, Message, Tree, Unfit
from wsproxy.decoders.brief import brief


class JsonProtocol(Decoder):
    """
    The base of those decoders.

    The tree is the JSON of the message, with what its strings hold, and is written in the original's style.
    """

    editable = True
    # Exact JSON of twice that, if it is all small members, takes as long as a message may.
    size_limit = 2 << 20

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is no JSON, or not of this protocol."""
        return self.read(message, value_of(message))

    @abstractmethod
    def read(self, message: Message, value: Any) -> Decoded:
        """
        What a message means.

        Args:
            message: the next one.
            value: what it says, as `wsproxy.decoders.json_.parse` has it.
        """

    def each(self, value: Tree, parts: list[Decoded]) -> Decoded:
        """What a message means that holds several packets in its `value`; the tree is that of the value."""
        decoded = self.several(parts)
        decoded.make_tree = tree_of(value)
        return decoded

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """In the original's style."""
        if message.text is None:
            raise Unfit("the original is not UTF-8")
        return json_.rewrite(nested.packed(tree), message.text).encode("utf-8", "surrogatepass")


def value_of(message: Message) -> Any:
    """
    All of a message as JSON.

    Raises:
        Unfit: it is none.
    """
    return parsed(message.text)


def parsed(text: str | None) -> Any:
    """
    A text as JSON.

    Raises:
        Unfit: it is none.
    """
    if text is None:
        raise Unfit("not UTF-8")
    try:
        return json_.parse(text)
    except Unfit:
        raise
    except ValueError as error:
        raise Unfit(f"no JSON: {error}") from None


def members(message: Message) -> dict[str, Any]:
    """The members of the object that a message is, to score by; none if it is something else."""
    value = message.json
    return value if isinstance(value, dict) else {}


def tree_of(value: Tree) -> Callable[[], Tree]:
    """Makes the tree of a JSON value, with what its strings hold."""
    return lambda: nested.unpacked(value)


def word(value: Any) -> str:
    """A member that should be text; empty if it is not."""
    return value if type(value) is str else ""


def fault(error: Any) -> str:
    """An error of JSON-RPC in words: code, message, data."""
    if not isinstance(error, dict):
        return brief(error)
    data = f" {brief(error['data'])}" if "data" in error else ""
    return f"{brief(error.get('code'))} {word(error.get('message'))}{data}"


def found_in(text: str) -> Any:
    """What a string holds: JSON, else itself."""
    try:
        return json_.parse(text)
    except ValueError:
        return text
