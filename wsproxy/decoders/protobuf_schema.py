"""Protocol Buffers by their schema: loading it, reading and writing messages with it."""

import base64
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, unknown_fields
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

from wsproxy.children import own
from wsproxy.decoders.decoded import Tree, Unfit
from wsproxy.errors import UsageError

MessageType = Any
"""A class of generated messages."""

_COMPILES_FOR = 60
"""Seconds that `protoc` may take."""


def types(options: Mapping[str, str]) -> dict[bool, MessageType]:
    """
    The types of messages, by whether they come from the client.

    Args:
        options: `protobuf.schema`, and which type: `protobuf.message`, `protobuf.send`, `protobuf.receive`.

    Raises:
        UsageError: the schema cannot be read, or does not have the type.
    """
    path = options["protobuf.schema"]
    known = _load(path)
    found: dict[bool, MessageType] = {}
    for from_client, way in ((True, "protobuf.send"), (False, "protobuf.receive")):
        name = options.get(way) or options.get("protobuf.message")
        if name is None and len(known) == 1:
            name = next(iter(known))
        if name is None:
            raise UsageError(
                f"{path} has {len(known)} types of messages",
                f"Choose one with --decoder-option protobuf.message=NAME: {_some(list(known))}",
            )
        full = [other for other in known if other == name or other.endswith(f".{name}")]
        if len(full) != 1:
            why = "more than one" if full else "no"
            raise UsageError(f"{path} has {why} message {name!r}", f"There are {_some(full or list(known))}")
        found[from_client] = known[full[0]]
    return found


def read(kind: MessageType, data: bytes) -> tuple[Tree, tuple[str, ...]]:
    """
    One message as a dict by field names, and what is odd about it.

    Raises:
        Unfit: it does not fit the schema.
    """
    try:
        message = kind.FromString(data)
    except DecodeError as error:
        raise Unfit(f"not a {kind.DESCRIPTOR.full_name}: {error}") from None
    strange = len(unknown_fields.UnknownFieldSet(message))
    notes = (f"{strange} fields are not in the schema",) if strange else ()
    return _tree(message), notes


def written(kind: MessageType, tree: Tree, like: bytes) -> bytes:
    """
    An edited message.

    Raises:
        Unfit: it does not fit the schema, or the original was written in another way.
    """
    original, notes = read(kind, like)
    if notes or _write(kind, original) != like:
        raise Unfit("the original has fields, or an order of them, that the schema does not give")
    return _write(kind, tree)


def _write(kind: MessageType, tree: Tree) -> bytes:
    message = kind()
    try:
        json_format.ParseDict(_for_json(tree), message)
        return bytes(message.SerializeToString(deterministic=True))
    except Exception as error:
        raise Unfit(f"not a {kind.DESCRIPTOR.full_name}: {error}") from None


def _for_json(tree: Tree) -> Tree:
    if isinstance(tree, bytes):
        return base64.b64encode(tree).decode()
    if isinstance(tree, dict):
        return {name: _for_json(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_for_json(value) for value in tree]
    return tree


def _tree(message: Any) -> Tree:
    if message.DESCRIPTOR.full_name.startswith("google.protobuf."):
        # Times, durations, wrappers and the like have a form of their own in the mapping to JSON.
        return json_format.MessageToDict(message)
    found: dict[str, Tree] = {}
    for field, value in message.ListFields():
        if field.message_type and field.message_type.GetOptions().map_entry:
            inner = field.message_type.fields_by_name["value"]
            found[field.name] = {str(key): _value(inner, value[key]) for key in value}
        elif field.is_repeated:
            found[field.name] = [_value(field, one) for one in value]
        else:
            found[field.name] = _value(field, value)
    return found


def _value(field: FieldDescriptor, value: Any) -> Tree:
    if field.message_type:
        return _tree(value)
    if field.enum_type:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else value
    return value


def _some(names: list[str]) -> str:
    return ", ".join(sorted(names)[:8]) + (", ..." if len(names) > 8 else "")


@lru_cache(maxsize=8)
def _load(path: str) -> dict[str, MessageType]:
    """Every type of the schema's own files, by its full name."""
    file = Path(path).expanduser()
    try:
        data = file.read_bytes() if file.suffix != ".proto" else _compiled(file)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(data)
        pool = descriptor_pool.DescriptorPool()
        for one in files.file:
            pool.Add(one)
        own = [one for one in files.file if one.package != "google.protobuf"]
        names = [name for one in own for name in _names(one)]
        found = {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names}
    except Exception as error:
        raise UsageError(
            f"{path} is no descriptor set: {str(error)[:200]}",
            "`protoc --include_imports -o FILE` makes one",
        ) from None
    if not found:
        raise UsageError(f"{path} has no types of messages in it")
    return found


def _names(file: Any) -> list[str]:
    found: list[str] = []

    def add(prefix: str, messages: Any) -> None:
        for message in messages:
            name = f"{prefix}.{message.name}" if prefix else message.name
            if not message.options.map_entry:
                found.append(name)
            add(name, message.nested_type)

    add(file.package, file.message_type)
    return found


def _compiled(file: Path) -> bytes:
    if importlib.util.find_spec("grpc_tools"):
        well_known = importlib.util.find_spec("grpc_tools._proto")
        places = list(well_known.submodule_search_locations or []) if well_known else []
        compiler = own("grpc_tools.protoc", *(f"-I{place}" for place in places))
    elif found := shutil.which("protoc"):
        compiler = [found]
    else:
        raise UsageError(
            f"nothing here can compile {file}",
            "Install protoc or `pip install grpcio-tools`, or give a descriptor set: "
            "`protoc --include_imports -o FILE`",
        )
    file.stat()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "set")
        done = subprocess.run(
            [*compiler, f"-I{file.parent}", "--include_imports", f"--descriptor_set_out={made}", str(file)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMPILES_FOR,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise UsageError(f"cannot compile {file}: {said[0] if said else done.returncode}")
        return made.read_bytes()
