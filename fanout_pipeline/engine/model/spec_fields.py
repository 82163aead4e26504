"""What the fields of a `FanoutSpec` may be, looked at when it is made: an error names the field and what to write."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from fanout_pipeline.sources.source import Source

ITEM = "item"
"""As a key: the item itself."""


def require_fields(spec: Any) -> None:
    """Raises TypeError or ValueError for the first field that cannot be what it says."""
    _require_name(spec.name)
    _require_source(spec.source)
    _require_function("function", spec.function)
    if spec.batch_function is not None:
        _require_function("batch_function", spec.batch_function)
    tolerance = spec.tolerance
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float):
        raise TypeError(f"tolerance is a number, such as 1e-9, not {tolerance!r}")
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance must be at least 0 and finite, not {tolerance}")
    _require_key(spec)
    for name in ("unpack", "thread_safe"):
        if not isinstance(getattr(spec, name), bool):
            raise TypeError(f"{name} is True or False, not {getattr(spec, name)!r}")
    version = spec.code_version
    if version is not None and (not isinstance(version, str) or not version):
        raise TypeError(f'code_version is text, such as "1", and not empty: not {version!r}')
    if not isinstance(spec.resources, Mapping) or not all(map(_is_text, spec.resources)):
        raise TypeError(
            "resources maps names to objects, as in {'api': ApiKey(...)}, not "
            f"{type(spec.resources).__name__}"
        )


def names_of(field: str, names: Any) -> tuple[Any, ...]:
    """A field that holds names, as a tuple. Raises TypeError where it is none."""
    if isinstance(names, str | Path):
        raise TypeError(f"{field} is a tuple of names: write {field}=({str(names)!r},)")
    allowed = str | Path if field == "depends_on" else str
    if isinstance(names, Mapping | bytes) or not isinstance(names, Iterable):
        raise TypeError(f"{field} is a tuple of names, not {names!r}")
    made = tuple(names)
    for name in made:
        if not isinstance(name, allowed) or not str(name):
            raise TypeError(f"{field} has {name!r}, which is no name: write text")
    return made


def _require_key(spec: Any) -> None:
    key, duplicates = spec.key, spec.duplicates
    if duplicates not in ("error", "once"):
        raise ValueError(f'duplicates is "error" or "once", not {duplicates!r}')
    if key is None:
        if duplicates != "error":
            raise ValueError(
                f"duplicates={duplicates!r} is about items of the same key, and there is none: give key="
            )
        return
    if callable(key):
        return
    if not isinstance(key, str) or not key:
        raise TypeError(
            f'key is the name of a column, "path" of files, "{ITEM}" or a function of the item, not {key!r}'
        )
    if key == "key":
        raise ValueError(
            'a column called "key" would be one of the results\' own: rename it in the input, or give a function, as '
            'in key=lambda item: item["key"]'
        )
    has_columns = type(spec.source).require_columns is not Source.require_columns
    if key != ITEM and not has_columns:
        raise ValueError(
            f'{type(spec.source).__name__} has no columns, so {key!r} cannot be the key: write key="{ITEM}", or give '
            "a function of the item"
        )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _require_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"name is text, of letters, digits and underscores, not {name!r}")
    if not re.fullmatch(r"\w+", name, re.ASCII):
        near = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "scores"
        raise ValueError(
            f"name consists of letters (a to z, A to Z), digits and underscores, not {name!r}: write {near!r}"
        )


def _require_source(source: Any) -> None:
    if isinstance(source, Source):
        return
    if isinstance(source, type) and issubclass(source, Source):
        raise TypeError(
            f"source is a {source.__name__}, not the class: write {source.__name__}(...)"
        )
    if isinstance(source, str | Path):
        raise TypeError(
            f"source is where items come from, not a path: write what is read, as in TextLines({str(source)!r})"
        )
    raise TypeError(
        f"source is of type {type(source).__name__}: give a source, such as TextLines(path) or Parquet(path)"
    )


def _require_function(field: str, function: Callable[..., Any]) -> None:
    if not callable(function):
        raise TypeError(
            f"{field} is what is called with each {'batch' if field == 'batch_function' else 'item'}, and "
            f"{function!r} cannot be called"
        )
