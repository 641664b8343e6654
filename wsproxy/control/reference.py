"""
The objects of the control API as they are documented, made from `wsproxy.control.messages`.

    python -m wsproxy.control.reference      writes that part of wsproxy/docs/control.md
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from wsproxy.control import messages

PAGE = Path(__file__).resolve().parents[1] / "docs" / "control.md"
MARK = "## The objects\n"
"""What is behind this heading and its introduction is made here."""

_TYPES = {
    "str": "string",
    "int": "number",
    "float": "number",
    "bool": "true or false",
    "None": "null",
    "Direction": "`send` or `receive`",
    "To": "`server` or `client`",
    "OptionValue": "string, number, true, false, null, or list of strings",
}


def objects() -> str:
    """A table for each object."""
    return "\n".join(_tables())


def page() -> str:
    """The whole page as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(MARK)
    introduction = rest.partition("\n### ")[0].rstrip("\n")
    return f"{head}{MARK}{introduction}\n\n{objects()}"


def _tables() -> Iterator[str]:
    tree = ast.parse(Path(messages.__file__).read_text(encoding="utf-8"))
    known = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for name, node in known.items():
        yield f"### `{name}`\n"
        said = ast.get_docstring(node)
        bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id in known]
        also = f" Besides the keys of `{bases[0]}`:" if bases else ""
        yield f"{said}{also}\n"
        yield "| key | value | meaning |"
        yield "|---|---|---|"
        body = node.body
        for at, statement in enumerate(body):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                behind = body[at + 1] if at + 1 < len(body) else None
                yield f"| `{statement.target.id}` | {_type(statement.annotation)} | {_meaning(behind)} |"
        yield ""


def _type(annotation: ast.expr) -> str:
    if isinstance(annotation, ast.Subscript):
        outer, inner = ast.unparse(annotation.value), annotation.slice
        if outer == "NotRequired":
            return f"{_type(inner)}; may be missing"
        if outer == "list":
            return (
                f"list of {_type(inner)}s" if _type(inner) in _TYPES.values() else f"list of {_type(inner)}"
            )
        if outer == "dict" and isinstance(inner, ast.Tuple):
            return f"object; values: {_type(inner.elts[1])}"
        if outer == "Literal" and isinstance(inner, ast.Tuple):
            return " or ".join(f"`{ast.literal_eval(one)}`" for one in inner.elts)
    if isinstance(annotation, ast.BinOp):
        return f"{_type(annotation.left)} or {_type(annotation.right)}"
    name = ast.unparse(annotation)
    return _TYPES.get(name, f"`{name}`")


def _meaning(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        said = " ".join(str(statement.value.value).split())
        return said.rstrip(".")
    return ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
