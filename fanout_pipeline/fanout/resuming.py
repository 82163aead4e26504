"""How a run goes on where an earlier one of the same identity has stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fanout_pipeline.fanout.contract import Work
from fanout_pipeline.parts.ledger import Finished, Identity, Ledger, begin, gaps, take_over
from fanout_pipeline.parts.numbered import Numbered
from fanout_pipeline.sources.source import BadInput, Chunk


def finished_before(
    generation: Path, identity: Identity, log: Callable[[str], object]
) -> tuple[Finished, ...]:
    """What can be reused of what is in a generation, which has a ledger after that.

    Parts of a new one: none. Raises CannotWrite.
    """
    ledger = Ledger.read(generation)
    if ledger is None:
        begin(generation, identity)
        return ()
    finished = take_over(generation, ledger, identity)
    items = sum(one.part.items for one in finished)
    failed = sum(one.part.failed for one in finished)
    count = f"{items:,} items, of which {failed:,} failed" if failed else f"{items:,} items"
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ledger.stopped))
    log(
        f"resumes: {len(finished):,} of {len(ledger.finished):,} finished chunks ({count}) "
        f"of the run that stopped at {when} are reused{_but_for_failed(ledger, identity)}"
    )
    return finished


def _but_for_failed(ledger: Ledger, identity: Identity) -> str:
    """How many chunks are not, as items failed in them under another policy."""
    changed = identity.changed_failures(ledger.identity)
    failed = sum(1 for one in ledger.finished if one.part.failed and not one.is_old)
    if not (changed and failed):
        return ""
    return f", but not {failed:,} in which items failed, as {' and '.join(changed)} changed since"


def numbered(work: Work) -> Numbered:
    """The parts of a run, told of in its ledger as long as the source is what they were made from."""

    def is_unchanged() -> bool:
        try:
            return work.stamp is None or work.source.stamp() == work.stamp
        except BadInput:
            return False

    return Numbered(work.folder, work.finished, is_unchanged)


def unfinished(chunks: Sequence[Chunk], finished: Sequence[Finished]) -> tuple[Chunk, ...]:
    """What is left of the chunks of a source, in order, numbered anew."""
    if not finished:
        return tuple(chunks)
    left = gaps(((chunk.start, chunk.stop) for chunk in chunks), finished)
    return tuple(Chunk(number, start, stop) for number, (start, stop) in enumerate(left))
