"""How a run goes on where an earlier one of the same identity has stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fanout_pipeline.engine.functions.input_guard import look
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Look, Reads, Work
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.results.store.ledger import Finished, Identity, Ledger, gaps, take_over
from fanout_pipeline.sources.source import BadInput, Chunk

_COUNTED_CHUNKS = 32
"""A source of no more chunks (64 MiB of text) is read, in a tenth of a second, to say how many items it has."""


def finished_before(
    generation: Path, identity: Identity, log: Callable[[str], object]
) -> tuple[Finished, ...]:
    """What can be reused of what is in a generation, which has a ledger after that.

    Parts of a new one: none. Raises CannotWrite.
    """
    ledger = Ledger.read(generation)
    if ledger is None:
        return take_over(generation, Ledger(identity, ()), identity)
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


def numbered(work: Work) -> PartCollector:
    """The parts of a run, told of in its ledger as long as what they are made from is what it was."""

    def is_unchanged() -> bool:
        return work.seen is None or _is_as_seen(work, work.seen)

    return PartCollector(work.folder, work.finished, is_unchanged)


def _is_as_seen(reads: Reads, seen: Look) -> bool:
    try:
        return look(reads) == seen
    except BadInput:
        return False


@contextmanager
def told_what_is_kept(
    generation: Path, spec: FanoutSpec, seen: Look, log: Callable[[str], object]
) -> Iterator[None]:
    """Where the block ends with an error, say what the next run of the same identity can reuse.

    Nobody writes to the generation any more by then.
    """
    try:
        yield
    except BaseException:
        # One cancellation may come twice. And no error of this is to take the place of the run's.
        with interrupts_held(), suppress(Exception):
            if kept := _kept(generation, spec, seen):
                log(kept)
        raise


def _kept(generation: Path, spec: FanoutSpec, seen: Look) -> str | None:
    ledger = Ledger.read(generation)
    if ledger is None or not ledger.finished:
        return None
    finished = sum(one.part.items for one in ledger.finished)
    chunks = len(ledger.finished)
    is_as_seen = _is_as_seen(spec, seen)
    of, how = "", "if what they are made from is again what it was"
    if is_as_seen:
        how = "materialize again to go on"
        if seen.source.size <= _COUNTED_CHUNKS * spec.source.CHUNK_SIZE:
            of = f" of {sum(len(spec.source.read(chunk)) for chunk in spec.source.chunks(1)):,}"
    return (
        f"{chunks:,} chunk{'s' if chunks != 1 else ''}, {finished:,}{of} items are kept"
        f"{'; ' if is_as_seen else ', '}{how}"
    )


def unfinished(chunks: Sequence[Chunk], finished: Sequence[Finished]) -> tuple[Chunk, ...]:
    """What is left of the chunks of a source, in order, numbered anew."""
    if not finished:
        return tuple(chunks)
    left = gaps(((chunk.start, chunk.stop) for chunk in chunks), finished)
    return tuple(Chunk(number, start, stop) for number, (start, stop) in enumerate(left))
