"""A call inside a step of Dagster: where it keeps what is done, its log, what it records.

The step is known by its context, of which no more is used than what is named here. Dagster is not imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.results.files.place import PARTITION, data_root, place, segment

_UNNAMED = "call"
_called: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""The names of the calls that each step has made, or is making."""


@contextmanager
def call_in(context: Any, name: str | None) -> Iterator[Path]:
    """For the block, a call of this name in a step: the folder that it resumes from, if it is made again.

    Raises ValueError where the step has made another one of this name. One that has failed does not count.
    """
    name = _UNNAMED if name is None else name
    names = _called.setdefault(context, set())
    if name in names:
        raise ValueError(
            "A step that calls fan_out more than once names each call, as in name='scores': results are kept "
            f"by that name, and this step has {'no name for two' if name == _UNNAMED else repr(name) + ' twice'}."
        )
    names.add(name)
    try:
        root = data_root(context.instance.storage_directory())
        yield place(root / "_calls", _place(context)) / segment(name)
    except BaseException:
        names.discard(name)
        raise


def run_of(context: Any) -> str:
    """How others are told of the step's run."""
    try:
        return f"run {context.run.run_id}"
    except Exception:  # It is called by a test.
        return ""


def record(context: Any, name: str | None, run: RunRecord, folder: str) -> None:
    """Add to the step's metadata. A step without a single output that it could belong to has a line in its log."""
    found: dict[str, Any] = {
        "strategy": run.strategy,
        "items": run.items,
        "failed": run.failed,
        "retried": run.retried,
        "reused_items": run.reused_items,
        "wall_seconds": run.wall_seconds,
        "folder": folder,
    } | ({"why": run.why} if run.why else {})
    if run.changes is not None:
        found = {"what_changed": run.changes.sentence, "changes": run.changes.as_dict()} | found
    try:
        context.add_output_metadata(
            found if name is None else {f"{name}/{field}": value for field, value in found.items()}
        )
    except Exception as error:
        context.log.info(f"fan_out: {found} (no metadata: {error})")


def _place(context: Any) -> list[str]:
    """The key of the step's asset, or job and op where it is not one asset's; and the partition."""
    step = getattr(context, "op_execution_context", context)
    try:
        place = list(context.asset_key.path)
    except Exception:
        try:
            place = [step.job_name, *step.op_handle.path]
        except Exception:  # It is called by a test.
            place = [step.op_def.name]
    if context.has_partition_key:
        place.append(PARTITION + context.partition_key)
    elif context.has_partition_key_range:
        several = context.partition_key_range
        place.append(f"{PARTITION}{several.start}...{several.end}")
    return place
