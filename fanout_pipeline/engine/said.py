"""What keywords of `fan_out` and of `fanout_asset` mean together, looked at before anything is called."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fanout_pipeline.engine.functions.name import function_name
from fanout_pipeline.engine.model.changes import Asked, Removed
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec_fields import ITEM


def chosen_options(options: Options | None, strategy: str | None) -> Options:
    """The options with the strategy that is asked for, in whichever place."""
    if options is None:
        options = Options()
    if not isinstance(options, Options):
        raise TypeError(
            f"options is of type {type(options).__name__}: give an Options, as in Options(retries=3)."
        )
    if strategy is None or strategy == options.strategy:
        return options
    if options.strategy is not None:
        raise ValueError(
            f"strategy={strategy!r}, but {options.strategy!r} in options: say it once."
        )
    return replace(options, strategy=strategy)


def require_callable(function: Any, setup: Any) -> None:
    """Raises TypeError where the function cannot be called with an item, and with what `setup` gives."""
    if not callable(function):
        raise TypeError(
            f"The function is of type {type(function).__name__}, which cannot be called."
        )
    given = (None,) if setup is None else (None, None)
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return  # Of some built-in functions nobody knows.
    try:
        signature.bind(*given)
    except TypeError as error:
        what = "the item" if setup is None else "the item, and the value of setup"
        raise TypeError(
            f"{function_name(function)}{signature} is called with {what}: {error}. Give a function of that, "
            "such as a functools.partial."
        ) from None


def with_key(keep: Sequence[str], key: Any) -> tuple[str, ...]:
    """The names of the columns that are kept; the key is one of them if it is a column."""
    if isinstance(keep, str):
        raise TypeError(f"keep is a tuple of names: write keep=({keep!r},)")
    is_column = isinstance(key, str) and key not in ("", ITEM)
    return tuple((key, *keep) if is_column and key not in keep else keep)


def asked_with(key: Any, removed: Removed) -> Asked:
    """What is asked of runs. Raises ValueError for results of removed items without a key to know them by."""
    if key is None and removed != "drop":
        raise ValueError(
            f"removed={removed!r} is about items that are known by a key, and there is none: give key="
        )
    return Asked(removed=removed)
