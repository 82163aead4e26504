"""A project: its definitions, and each fan-out that is found in them."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from fanout_pipeline.command_line.examining.finding import Finding, failure, warning
from fanout_pipeline.command_line.examining.functions import look_at_fanout
from fanout_pipeline.command_line.examining.instance import Instance
from fanout_pipeline.command_line.examining.storage import data_root_of
from fanout_pipeline.command_line.examining.together import look_at_all, look_at_threads
from fanout_pipeline.executor.foreign_threads import ThreadWatch
from fanout_pipeline.results.files.printable import printable


def look_at_project(module: str, instance: Instance) -> Iterator[Finding]:
    """Import the module as Dagster does, and look at all fan-outs in its code location."""
    try:
        from fanout_pipeline.defs.project import load_project  # and Dagster
    except ImportError as error:
        yield failure(module, f"Dagster cannot be imported: {error}", "pip install dagster")
        return
    try:
        with ThreadWatch(f"loading {module}") as watch:
            project = load_project(module)
    except (Exception, SystemExit) as error:
        text = printable(str(error).strip().partition("\n")[0])
        where = f", in {place}" if (place := _place(error.__traceback__)) else ""
        yield failure(
            module,
            f"it cannot be loaded: {type(error).__name__}: {text}{where}",
            "run this where Dagster runs, with its environment; see what `dg check defs` says",
        )
        return
    yield from look_at_threads(watch.describe(), project.preloads)
    root, _ = data_root_of(instance)
    for one in project.fanouts:
        source = one.source.under(root) if one.source is not None and root is not None else None
        yield from look_at_fanout(one.name, one.spec, one.options, source)
    if not project.fanouts:
        yield warning(
            module,
            "there is no fan-out in it: neither fanout_asset nor FanoutSpec",
            "name the module with the Definitions",
        )
    yield from look_at_all(project, instance)


def _place(frames: TracebackType | None) -> str:
    """The last line of the project's own that an error came from."""
    installed = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2])
    for frame in reversed(traceback.extract_tb(frames)):
        path = Path(frame.filename)
        if path.is_absolute() and not any(path.is_relative_to(one) for one in installed):
            return f"{path}:{frame.lineno}"
    return ""
