"""What a run with a key calls and what it carries over: see docs/incremental.md. Pure: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy
import pyarrow
from pyarrow import compute

from fanout_pipeline.engine.incremental.pools import Pool
from fanout_pipeline.engine.model.changes import Asked, Changes
from fanout_pipeline.results.store.keys import FAILED, GOOD, LEFT_OUT, Keys, as_array

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
    was_at: numpy.ndarray,
    visible: Pool | None,
    salvaged: Sequence[Pool],
    asked: Asked,
    changed: Sequence[str],
) -> Decision:
    """Decide for a run that is `asked` for something; `changed` names what all visible results depend on and is new.

    `now`: the items of the input. `was_at`: where the key of each is among the visible ones, -1 where it is not.
    """
    count, seconds = now.size, 0.0
    row = numpy.full(count, _NONE)
    stays = numpy.zeros(count, bool)
    content = now.content.copy()
    is_known = is_same = is_good = numpy.zeros(count, bool)
    before = 0 if visible is None else sum(file.rows for file in visible.files)
    stand = asked.items in ("failed", "missing")
    if visible is not None:
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
    keys = now._replace(
        content=content, status=status, has_row=~left_out & ~(stays & (row == _NONE))
    )
    removed = 0
    if visible is not None:
        carried = (row >= 0) & (row < before) & ~stays
        seconds += float(visible.seconds[was_at[carried]].sum())
        gone = _gone(was_at, visible.keys)
        removed = len(gone)
        if asked.removed == "keep":
            gone = gone[visible.keys.status[gone] == GOOD]
            keys = Keys(
                pyarrow.concat_arrays([keys.key, visible.keys.take(gone).key]),
                *map(numpy.concatenate, zip(keys[1:], visible.keys.take(gone)[1:], strict=True)),
            )
            row = numpy.concatenate([row, visible.keys.rows()[gone]])
    has_key = compute.is_valid(now.key).to_numpy(zero_copy_only=False)
    unreadable = int((~has_key & ~left_out).sum())
    changes = Changes(
        new=int((~is_known & has_key).sum()),
        changed=int((is_known & ~is_same).sum()),
        unchanged=int((is_same & is_good).sum()),
        failed=int((is_same & ~is_good).sum()),
        removed=removed,
        called=len(called) - unreadable,
        saved_seconds=seconds,
        because=tuple(changed) if visible is not None else (),
    )
    stay_failed = numpy.flatnonzero(stays)
    return Decision(keys, row, called, stay_failed, was_at[stay_failed], count, changes)


def places(key: pyarrow.Array, among: pyarrow.Array) -> numpy.ndarray:
    """Where each key is among others, which are unique; -1 where it is not, and for null."""
    found = numpy.full(len(key), _NONE)
    both = min(len(key), len(among))
    # Most are where they were: to look the others up takes ten times as long as to see that.
    same = compute.fill_null(compute.equal(key.slice(0, both), among.slice(0, both)), False)
    same = same.to_numpy(zero_copy_only=False)
    found[:both][same] = numpy.flatnonzero(same)
    left, others = numpy.flatnonzero(found == _NONE), numpy.ones(len(among), bool)
    others[:both] = ~same
    others = numpy.flatnonzero(others)
    if len(left) and len(others):
        at = compute.index_in(
            key.take(as_array(left)), value_set=among.take(as_array(others)), skip_nulls=True
        )
        at = compute.fill_null(at, _NONE).to_numpy(zero_copy_only=False)
        found[left] = numpy.where(at == _NONE, _NONE, others[at])
    return found


def _compared(
    now: Keys, then: Keys, at: numpy.ndarray
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Of items, by their places among others: which are known, which of these are the same, and which are good."""
    is_known = at >= 0
    if not then.size:
        return is_known, is_known.copy(), is_known.copy()
    is_same = is_known & (then.content[at] == now.content)
    return is_known, is_same, is_known & (then.status[at] == GOOD) & then.has_row[at]


def _gone(was_at: numpy.ndarray, then: Keys) -> numpy.ndarray:
    """Where the keys are that are no longer there."""
    gone = compute.is_valid(then.key).to_numpy(zero_copy_only=False)
    gone[was_at[was_at >= 0]] = False
    return numpy.flatnonzero(gone)
