"""What a run with a key calls and what it carries over: see docs/incremental.md. Pure: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy
import pyarrow
from pyarrow import compute

from fanout_pipeline.engine.incremental.pools import Pool
from fanout_pipeline.engine.model.changes import Asked, Changes
from fanout_pipeline.results.store.keys import FAILED, GOOD, LEFT_OUT, Keys

_NONE = -1


class Decision(NamedTuple):
    """What becomes of each item: those of the input in order, then results that are kept without an item."""

    keys: Keys
    """The items as they are recorded. Of those that are called it is not known yet what becomes of them."""
    row: numpy.ndarray
    """The row that each keeps, over the files of all pools laid end to end; -1 where it keeps none."""
    called: numpy.ndarray
    """Which items are called, ascending (int64)."""
    stay_failed: numpy.ndarray
    """Which items have failed before and are not called again, ascending (int64)."""
    failed_at: numpy.ndarray
    """What the index of each of these was."""
    in_input: int
    """How many are items of the input."""
    changes: Changes


def decide(
    now: Keys,
    visible: Pool | None,
    salvaged: Sequence[Pool],
    asked: Asked,
    changed: Sequence[str],
) -> Decision:
    """Decide for a run that is `asked` for something; `changed` names what all visible results depend on and is new.

    `now`: the items of the input, those with a status other than LEFT_OUT to be decided on.
    """
    count, seconds = len(now), 0.0
    row = numpy.full(count, _NONE)
    stays, was_at = numpy.zeros(count, bool), numpy.full(count, _NONE)
    content = now.content.copy()
    is_known = is_same = is_good = numpy.zeros(count, bool)
    before = 0 if visible is None else sum(file.rows for file in visible.files)
    stand = asked.items in ("failed", "missing")
    if visible is not None:
        was_at = places(now.key, visible.keys.key)
        is_known, is_same, is_good = _compared(now, visible.keys, was_at)
        if asked.items != "all" and not changed:
            chosen = is_same & is_good
            row[chosen] = visible.keys.rows()[was_at[chosen]]
    offset = before
    for pool in salvaged:
        if asked.items != "all" or pool.made_from == "all":
            at = places(now.key, pool.keys.key)
            chosen = numpy.logical_and.reduce((*_compared(now, pool.keys, at)[1:], row == _NONE))
            row[chosen] = offset + pool.keys.rows()[at[chosen]]
            seconds += float(pool.seconds[at[chosen]].sum())
        offset += sum(file.rows for file in pool.files)
    if visible is not None and stand:
        chosen = is_good & (row == _NONE)
        row[chosen] = visible.keys.rows()[was_at[chosen]]
        content[chosen] = visible.keys.content[was_at[chosen]]
        if asked.items == "missing":
            stays = is_known & ~is_good & (row == _NONE)
            content[stays] = visible.keys.content[was_at[stays]]
            row[stays] = visible.keys.rows()[was_at[stays]]
    left_out = now.status == LEFT_OUT
    called = numpy.flatnonzero((row == _NONE) & ~stays & ~left_out)
    status = numpy.where(left_out, LEFT_OUT, numpy.where(stays, FAILED, GOOD)).astype(numpy.int8)
    keys = now._replace(content=content, status=status, has_row=~left_out & ~(stays & (row == _NONE)))
    removed = 0
    if visible is not None:
        carried = (row >= 0) & (row < before) & ~stays
        seconds += float(visible.seconds[was_at[carried]].sum())
        gone = _gone(now, visible.keys)
        removed = len(gone)
        if asked.removed == "keep":
            gone = gone[visible.keys.status[gone] == GOOD]
            keys = Keys(
                pyarrow.concat_arrays([keys.key, visible.keys.take(gone).key]),
                *map(numpy.concatenate, zip(keys[1:], visible.keys.take(gone)[1:], strict=True)),
            )
            row = numpy.concatenate([row, visible.keys.rows()[gone]])
    is_known &= ~left_out
    changes = Changes(
        new=int((~is_known & ~left_out).sum()),
        changed=int((is_known & ~is_same).sum()),
        unchanged=int((is_same & is_good).sum()),
        failed=int((is_same & ~is_good).sum()),
        removed=removed,
        called=len(called),
        saved_seconds=seconds,
        because=tuple(changed) if visible is not None else (),
    )
    stay_failed = numpy.flatnonzero(stays)
    return Decision(keys, row, called, stay_failed, was_at[stay_failed], count, changes)


def places(key: pyarrow.Array, among: pyarrow.Array) -> numpy.ndarray:
    """Where each key is among others; -1 where it is not, and for null."""
    if not len(among):
        return numpy.full(len(key), _NONE)
    found = compute.index_in(key, value_set=among, skip_nulls=True)
    return compute.fill_null(found, _NONE).to_numpy(zero_copy_only=False).astype(numpy.int64)


def _compared(
    now: Keys, then: Keys, at: numpy.ndarray
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Of items, by their places among others: which are known, which of these are the same, and which are good."""
    is_known = at >= 0
    if not len(then):
        return is_known, is_known.copy(), is_known.copy()
    is_same = is_known & (then.content[at] == now.content)
    return is_known, is_same, is_known & (then.status[at] == GOOD) & then.has_row[at]


def _gone(now: Keys, then: Keys) -> numpy.ndarray:
    """Where the keys are that are no longer there."""
    has_key = compute.is_valid(then.key).to_numpy(zero_copy_only=False)
    return numpy.flatnonzero((places(then.key, now.key) == _NONE) & has_key)
