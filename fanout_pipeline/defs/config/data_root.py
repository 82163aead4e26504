"""Where run config may not lead: out of the data root, which code or the person who deploys chose.

Run config is written by whoever may launch a run, who need not be trusted with the whole disk.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._config.errors import PostProcessingError
from dagster._config.source import StringSourceType
from pydantic_core import core_schema


class OutsideDataRoot(ValueError):
    """A path that does not lie in the data root. The message says what to do."""


def default_root() -> str:
    """The data root where code names none: the environment's FANOUT_DATA, else `data`."""
    return os.environ.get("FANOUT_DATA") or "data"


def chosen_in(root: str, path: str) -> str:
    """The folder in the data root that run config names: by its path from there, or an absolute one.

    The root's own name is the root. Raises OutsideDataRoot.
    """
    _require_path(path)
    if path == root:
        return path
    if path.startswith("~"):
        raise OutsideDataRoot(f"{path!a}: ~ is not expanded. Name a folder in the data root.")
    folder = os.path.join(os.path.abspath(root), path)
    require_inside(folder, root)
    return folder


def require_inside(path: str | Path, root: str | Path) -> None:
    """Raises OutsideDataRoot unless `path` is `root` or lies in it, all symbolic links followed.

    Neither needs to exist. Both are relative to the folder that Dagster was started in.
    """
    text = os.fspath(path)
    _require_path(text)
    real, allowed = Path(os.path.realpath(text)), Path(os.path.realpath(root))
    if not real.is_relative_to(allowed):
        led = "" if str(real) == os.path.abspath(text) else f", which is {str(real)!a},"
        raise OutsideDataRoot(
            f"{text!a}{led} lies outside of the data root {str(allowed)!a}. Name a folder in it, by "
            "its path from there, or leave the field out; who deploys moves the root itself, with the environment variable "
            "FANOUT_DATA or in code: DataFolder(root=…)."
        )


def _require_path(text: str) -> None:
    if not text or not text.isprintable():
        raise OutsideDataRoot(f"{text!a} is no path: it must be printable text, and not empty.")


class RootType(StringSourceType):
    """The config type of a path in a data root, which Dagster looks at before it creates a run."""

    def __init__(self, deployed: str | None = None):
        self._deployed = deployed
        super().__init__()  # type: ignore[no-untyped-call]
        self.key = "DataRoot"
        # Two roots in one code location are two types.
        if deployed is not None:
            self.key += f"_{hashlib.sha256(os.fsencode(deployed)).hexdigest()[:12]}"

    def post_process(self, value: Any) -> str:
        text = str(super().post_process(value))  # type: ignore[no-untyped-call]
        try:
            deployed = default_root() if self._deployed is None else value_of(self._deployed)
            return chosen_in(deployed, text)
        except OutsideDataRoot as error:
            if isinstance(value, Mapping):
                raise PostProcessingError(
                    f"The environment variable {value['env']!a} names no path in the data root."
                ) from None
            raise PostProcessingError(str(error)) from None

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.str_schema(min_length=1)


def value_of(root: str) -> str:
    """The root itself where it is given as an environment variable's name (dagster.EnvVar)."""
    if isinstance(root, dg.EnvVar):
        return root.get_value() or ""
    return root
