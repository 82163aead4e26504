"""How a run resumes an earlier one of the same identity that was not finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from fanout_pipeline.engine.functions.input_guard import input_versions
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.work import InputVersions, Work
from fanout_pipeline.engine.system.signals import interrupts_held
from fanout_pipeline.results.store.collector import PartCollector
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import CALLED_SPOOL, Finished, Identity, Ledger
from fanout_pipeline.results.store.takeover import take_over
from fanout_pipeline.sources.source import BadInput, Chunk

if TYPE_CHECKING:
    from fanout_pipeline.engine.functions.identity import Basis


def finished_before(
    generation: Generation, identity: Identity, log: Callable[[str], object]
) -> tuple[Finished, ...]:
    """What of a generation can be reused: nothing, if it is new. It has a ledger afterwards.

    Raises CannotWrite.
    """
    ledger = Ledger.read(generation)
    if ledger is None:
        return take_over(generation, Ledger(identity, ()), identity)
    finished = take_over(generation, ledger, identity)
    if not ledger.finished:
        return finished
    items = sum(one.part.items for one in finished)
    failed = sum(one.part.failed for one in finished)
    count = f"{items:,} items, of which {failed:,} failed" if failed else f"{items:,} items"
    log(
        f"resumes: {len(finished):,} of {len(ledger.finished):,} finished chunks ({count}) "
        f"of the run that stopped at {ledger.stopped_at} are reused{_except_failed(ledger, identity)}"
    )
    return finished


def _except_failed(ledger: Ledger, identity: Identity) -> str:
    """How many chunks are not reused because items failed in them under another policy."""
    changed = identity.changed_failures(ledger.identity)
    failed = sum(1 for one in ledger.finished if one.part.failed and not one.is_old)
    if not (changed and failed):
        return ""
    return f", except {failed:,} in which items failed: {' and '.join(changed)} changed since then"


def part_collector(work: Work) -> PartCollector:
    """Collects the parts of a run, and records them in its ledger as long as its input is unchanged."""
    if work.generation.in_memory:
        return work.generation  # type: ignore[return-value]
    read = work if work.spooled is None else replace(work, source=work.spooled)

    def is_unchanged() -> bool:
        return work.seen is None or _is_unchanged(read, work.seen)

    return PartCollector(work.generation, work.finished, is_unchanged)


def _is_unchanged(reads: FanoutSpec | Work, seen: InputVersions) -> bool:
    try:
        return input_versions(reads) == seen
    except BadInput:
        return False


@contextmanager
def log_kept_on_error(
    generation: Generation, spec: FanoutSpec, basis: Basis, log: Callable[[str], object]
) -> Iterator[None]:
    """Where the block ends with an error, log what the next run of the same identity can reuse.

    The error has it as its attribute `partial`. Nobody writes to the generation any more by then.
    """
    try:
        yield
    except BaseException as error:
        # A cancellation may come twice. And no error here may take the place of the run's.
        with interrupts_held(), suppress(Exception):
            from fanout_pipeline.results.read import Snapshot  # Arrow: definitions do without

            if kept := _kept(generation, spec, basis):
                log(kept)
                if CALLED_SPOOL in generation.names():  # Their places are not those in the input.
                    error.add_note(f"{kept}.")
            if CALLED_SPOOL not in generation.names():
                error.partial = Snapshot.of_unfinished(generation, spec.unpack)  # type: ignore[attr-defined]
        raise


def _kept(generation: Generation, spec: FanoutSpec, basis: Basis) -> str | None:
    ledger = Ledger.read(generation)
    if ledger is None or not ledger.finished:
        return None
    items = basis.input.items
    finished = sum(one.part.items for one in ledger.finished)
    chunks = len(ledger.finished)
    of, how = "", "a later run resumes if its input is again what it was when this run began"
    if spec.key is not None:
        how = "the next run does not call them again as long as they are as they were"
    elif _is_unchanged(spec, basis.seen):
        how = "materialize again to resume"
        if items is not None:
            of = f" of {items:,}"
    return f"{chunks:,} chunk{'s' if chunks != 1 else ''}, {finished:,}{of} items are kept; {how}"


def unfinished(chunks: Sequence[Chunk], finished: Sequence[Finished]) -> tuple[Chunk, ...]:
    """What is left of the chunks of a source, in order, numbered anew."""
    if not finished:
        return tuple(chunks)
    left = gaps(((chunk.start, chunk.stop) for chunk in chunks), finished)
    return tuple(Chunk(number, start, stop) for number, (start, stop) in enumerate(left))


def gaps(
    ranges: Iterable[tuple[int, int]], finished: Iterable[Finished]
) -> Iterator[tuple[int, int]]:
    """What is not finished of some ranges of the source. Both are in order, and iterated over once."""
    left = iter(finished)
    one = next(left, None)
    for start, stop in ranges:
        begun = start
        while one is not None and one.start < stop:
            if begun < one.start:
                yield begun, one.start
            begun = max(begun, one.stop)
            if one.stop > stop:  # it extends into the next range
                break
            one = next(left, None)
        if begun < stop:
            yield begun, stop
