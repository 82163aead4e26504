"""The data root, which code or the person who deploys has chosen, and how run config is kept inside it.

Whoever may launch a run writes its config. They need not be trusted with the whole disk.
"""

import os
from pathlib import Path


class OutsideDataRoot(ValueError):
    """A path that does not lie in the data root. The message says what to do."""


def default_root() -> str:
    """The data root where code names none: the environment variable FANOUT_DATA, else `data`."""
    return os.environ.get("FANOUT_DATA") or "data"


def folder_in(root: str, path: str) -> str:
    """The folder in the data root that run config names, relative to the root or absolutely.

    The root's own name stands for the root. Raises OutsideDataRoot.
    """
    _require_printable(path)
    if path == root:
        return path
    if path.startswith("~"):
        raise OutsideDataRoot(f"{path!a}: ~ is not expanded. Name a folder in the data root.")
    folder = os.path.join(os.path.abspath(root), path)
    require_inside(folder, root)
    return folder


def require_inside(path: str | Path, root: str | Path) -> None:
    """Raise OutsideDataRoot unless `path` is `root` or lies in it once all symbolic links are followed.

    Neither needs to exist. Both are relative to the folder in which Dagster was started.
    """
    text = os.fspath(path)
    _require_printable(text)
    real, allowed = Path(os.path.realpath(text)), Path(os.path.realpath(root))
    if not real.is_relative_to(allowed):
        target = "" if str(real) == os.path.abspath(text) else f", which is {str(real)!a},"
        raise OutsideDataRoot(
            f"{text!a}{target} lies outside of the data root {str(allowed)!a}. Name a folder in it, "
            "relative to the data root or absolutely, or leave the field out. To change the root, set "
            "FANOUT_DATA or pass DataFolder(root=...)."
        )


def _require_printable(text: str) -> None:
    if not text or not text.isprintable():
        raise OutsideDataRoot(f"{text!a} is not a path: it must be printable text, and not empty.")
