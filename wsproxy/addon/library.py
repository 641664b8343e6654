"""Where addons are: the shipped ones, by name, and everybody's own, by path."""

import difflib
import os
from pathlib import Path

from wsproxy import config
from wsproxy.errors import AddonError


def shipped() -> dict[str, Path]:
    """The addons that come with the program, by name. Decoders (`..._decoder.py`) are beside them."""
    folder = config.shared_dir("addons")
    return {path.stem: path for path in sorted(folder.glob("*.py")) if not path.stem.endswith("_decoder")}


def find(what: str) -> Path:
    """
    The file of an addon, absolute.

    Args:
        what: the name of a shipped one, or a path.

    Raises:
        AddonError: there is no such file.
    """
    if "/" not in what and os.sep not in what and not what.endswith(".py"):
        found = shipped().get(what)
        if found is not None:
            return found
    path = Path(what).expanduser().absolute()
    if path.is_file():
        return path
    if path.is_dir():
        raise AddonError(f"the addon {what} is a folder, not a file")
    near = difflib.get_close_matches(Path(what).stem, shipped(), 1)
    hint = (
        f"Did you mean the shipped addon {near[0]!r}?" if near else "`wsproxy addons` lists the shipped ones"
    )
    raise AddonError(f"there is no addon {what!r}: no such file", hint)
