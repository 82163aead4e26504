"""A fan-out whose chunks run in processes that someone else starts: a scheduler's steps or tasks.

    scatter -> Plan -> run_scattered(plan, number), anywhere, in any order -> gather -> RunRecord

Plan and Answer hold plain numbers and text only, so that any scheduler can carry them. The parts
are written into one generation folder, which all processes must reach; gather makes it visible.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import fanout_pipeline.fanout.road  # noqa: F401 (importing Arrow is not part of a chunk)
from fanout_pipeline.fanout.calling import awaited_aside
from fanout_pipeline.fanout.chunk_work import keep_memory, run_chunk
from fanout_pipeline.fanout.contract import FanoutSpec, Work, WorkerDied
from fanout_pipeline.fanout.environment import explained
from fanout_pipeline.fanout.fingerprint import function_name
from fanout_pipeline.fanout.identity import described
from fanout_pipeline.fanout.import_path import with_its_imports
from fanout_pipeline.fanout.lanes import busy_seconds
from fanout_pipeline.fanout.numbering import FolderNumbering
from fanout_pipeline.fanout.ownership import own, owner_of_is_gone
from fanout_pipeline.fanout.policy import FAIL, FailurePolicy
from fanout_pipeline.fanout.run_record import RunRecord
from fanout_pipeline.fanout.unchanged import unchanged
from fanout_pipeline.fanout.usage import ProcessUsage, own_usage
from fanout_pipeline.parts import no_links
from fanout_pipeline.parts.atomic import make_folder
from fanout_pipeline.parts.folder import ResultFolder
from fanout_pipeline.parts.ledger import is_there
from fanout_pipeline.parts.manifest import Manifest, PartRecord
from fanout_pipeline.sources.source import Chunk, Fingerprint, Stamp, require_unchanged

_COUNTS = ".counts"
_GATHERED = ".gathered"


class CannotGoOn(Exception):
    """What steps have done before cannot be used. The message says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What scatter decided. Times are seconds since the epoch, as several processes take them."""

    generation: str
    stamp: Stamp
    input: Fingerprint
    chunks: tuple[Chunk, ...]
    began: float
    scattered: float
    usage: ProcessUsage
    """Of the scattering process, when it began."""
    failures: FailurePolicy = FAIL
    function: dict[str, str] = field(default_factory=dict)
    """Name and fingerprint."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the run of one chunk gave."""

    part: PartRecord
    began: float
    ended: float
    usage: ProcessUsage


@with_its_imports
def scatter(
    spec: FanoutSpec,
    target: ResultFolder,
    generation: str,
    chunks: int,
    failures: FailurePolicy = FAIL,
) -> Plan:
    """Cut the source and make the folder for the parts. Raises BadInput or CannotWrite."""
    stamp = spec.source.stamp()
    fingerprint = spec.source.fingerprint()
    usage = own_usage()
    began = time.time()
    with explained(target.path):
        shared = target.new_generation(generation) / _COUNTS
        make_folder(shared)
        own(shared)
    cuts = spec.source.cut(chunks)
    function = described(spec.function)
    return Plan(generation, stamp, fingerprint, cuts, began, time.time(), usage, failures, function)


@with_its_imports
def run_scattered(spec: FanoutSpec, target: ResultFolder, plan: Plan, number: int) -> Answer:
    """Run one chunk. Raises ItemFailed, BadInput or CannotWrite."""
    began = time.time()
    keep_memory()
    folder = target.generation(plan.generation)
    counts = folder / _COUNTS
    work = Work(
        spec.source,
        spec.function,
        spec.batch_function,
        plan.chunks,
        folder,
        failures=plan.failures,
    )
    numbering = FolderNumbering(counts, spec.source, plan.chunks)
    aside = awaited_aside(spec.function)
    with explained(target.path), unchanged(spec.source, plan.stamp), aside:
        part = run_chunk(work, plan.chunks[number], numbering)
    return Answer(part, began, time.time(), own_usage())


def gather(
    strategy: str,
    spec: FanoutSpec,
    target: ResultFolder,
    plan: Plan,
    answers: Sequence[Answer],
    workers: int,
) -> RunRecord:
    """Make the parts visible, in the order of the chunks, whatever the order of the answers.

    `workers` is how many chunks the scheduler runs at a time, at most.

    Raises WorkerDied where a chunk has no answer: schedulers drop skipped branches in silence.
    Raises BadInput where the source has changed since it was cut, CannotGoOn where a part is not
    that of its answer.
    """
    begin_gather = time.time()
    answers = sorted(answers, key=lambda answer: answer.part.number)
    answered = [answer.part.number for answer in answers]
    if answered != list(range(len(plan.chunks))):
        lacking = sorted(set(range(len(plan.chunks))) - set(answered))
        raise WorkerDied(
            f"Of {len(plan.chunks)} chunks, {lacking} gave no answer, or one gave two. Nothing "
            "was made visible; earlier results are as they were. Run again."
        )
    require_unchanged(spec.source, plan.stamp)
    parts = tuple(answer.part for answer in answers)
    manifest = Manifest(strategy, parts, asdict(plan.input), plan.function)
    with explained(target.path):
        folder = _gathered(target, plan)
        if not target.is_committed(folder, manifest):
            _require_as_answered(folder, parts)
        target.commit(folder, manifest)
    no_links.remove(folder / _COUNTS)
    ended = time.time()
    first, last = min(a.began for a in answers), max(a.ended for a in answers)
    pids = tuple(dict.fromkeys(answer.usage.pid for answer in answers))
    used = _by_process([plan.usage, *(answer.usage for answer in answers), own_usage()])
    return RunRecord(
        strategy=strategy,
        # At least what one chunk took by a clock that cannot be set back, as these can.
        wall_seconds=max(ended - plan.began, *(busy_seconds(answer.part) for answer in answers)),
        start_seconds=max(0.0, first - plan.scattered),
        run_seconds=max(0.0, (plan.scattered - plan.began) + (last - first)),
        stop_seconds=max(0.0, begin_gather - last),
        commit_seconds=max(0.0, ended - begin_gather),
        cpu_seconds=sum(used.values()) - plan.usage.cpu_seconds,
        peak_rss_bytes=max(answer.usage.peak_rss_bytes for answer in answers),
        items=manifest.items,
        workers=min(workers, len(pids)),
        worker_pids=pids,
        chunks=len(plan.chunks),
        start_method="step",
        digest=manifest.digest,
        input=plan.input,
        function_fingerprint=manifest.function["fingerprint"],
        failed=manifest.failed,
    )


@with_its_imports
def go_on(spec: FanoutSpec, target: ResultFolder, plan: Plan, *, gathering: bool = False) -> None:
    """Before a step of another run than scattered: its re-execution from failure.

    Raises CannotGoOn where what was finished cannot be used.
    """
    if described(spec.function) != plan.function:
        raise CannotGoOn(
            f"{function_name(spec.function)} has changed since run {plan.generation}, whose finished "
            "chunks were to be used. Materialize all of the asset again."
        )
    counts = target.generation(plan.generation) / _COUNTS
    if gathering and not counts.is_dir():
        counts = _gathered_name(target, plan) / _COUNTS
    if not (counts.parent if gathering else counts).is_dir():
        raise CannotGoOn(
            f"What run {plan.generation} had finished is no longer there: the asset was "
            "materialized since. Materialize all of it again."
        )
    if counts.is_dir():
        own(counts)


def owner_is_gone(generation: Path) -> bool:
    """Whether the process that ran the scheduler of this generation, on this host, has ended."""
    return owner_of_is_gone(generation / _COUNTS)


def run_of(generation: Path) -> str:
    """What `scatter` named a generation by."""
    return generation.name.removesuffix(_GATHERED)


def _gathered_name(target: ResultFolder, plan: Plan) -> Path:
    return target.generation(plan.generation + _GATHERED)


def _gathered(target: ResultFolder, plan: Plan) -> Path:
    """The generation, under a name at which a step that outlives its run writes nothing."""
    folder = _gathered_name(target, plan)
    if not folder.is_dir():
        no_links.rename(target.generation(plan.generation), folder)
    return folder


def _require_as_answered(folder: Path, parts: Sequence[PartRecord]) -> None:
    for part in parts:
        if not is_there(folder, part):
            raise CannotGoOn(
                f"Part {part.number} is not the one that its step answered with: the chunk was run "
                "twice, and one wrote over the other's part. Nothing was made visible; earlier "
                "results are as they were. Materialize all of the asset again."
            )


def _by_process(usages: Sequence[ProcessUsage]) -> dict[int, float]:
    """The last CPU time known of each process."""
    seconds: dict[int, float] = {}
    for usage in usages:
        seconds[usage.pid] = max(seconds.get(usage.pid, 0.0), usage.cpu_seconds)
    return seconds
