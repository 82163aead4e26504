"""A fan-out whose chunks run in processes that someone else starts: a scheduler's steps or tasks.

    scatter -> chunks -> run_chunk, anywhere, in any order, or not at all -> gather -> RunRecord

All steps of a run `join` it: they write into one generation, which all processes must reach. Whichever
joins first begins the run (see `begun`); in the re-execution of a failed run that may be any step, because
scatter is not run again. Gather does what no step has done.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import fanout_pipeline.engine.calls.imports  # noqa: F401 (importing Arrow is not part of a chunk)
from fanout_pipeline.engine.calls.budget import limited
from fanout_pipeline.engine.calls.invoke import awaited_aside
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.calls.outcome import UNLIMITED
from fanout_pipeline.engine.calls.setup import given
from fanout_pipeline.engine.calls.typed import typed
from fanout_pipeline.engine.functions.identity import Basis, identity_of
from fanout_pipeline.engine.functions.input_guard import inputs_unchanged, require_same_inputs
from fanout_pipeline.engine.functions.resources import setup_of
from fanout_pipeline.engine.intake import Intake
from fanout_pipeline.engine.job import Job
from fanout_pipeline.engine.model.call_limits import CallLimits
from fanout_pipeline.engine.model.errors import Spent
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.engine.model.spec import FanoutSpec, with_its_imports
from fanout_pipeline.engine.model.strategy import Crew, Strategy
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES, SUPERVISED
from fanout_pipeline.engine.scattered.begun import Begun, begun
from fanout_pipeline.engine.scattered.gathered import Answer, gathered
from fanout_pipeline.engine.scheduling.resume import (
    finished_before,
    gaps,
    log_kept_on_error,
    part_collector,
    unfinished,
)
from fanout_pipeline.engine.suitability import Unsupported
from fanout_pipeline.engine.system.import_path import importing_from
from fanout_pipeline.engine.system.malloc import keep_freed_memory
from fanout_pipeline.engine.system.os_errors import explained
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.usage import ProcessUsage, own_usage
from fanout_pipeline.engine.timing.timeline import busy_seconds
from fanout_pipeline.results.store.folder import ResultFolder
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import Identity, Ledger, forget
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.types.kinds import MixedTypes
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline.sources.spool.feed import feed_of

_CHUNK_SIZES = 4
"""How many times larger chunks are than in other strategies: each is a step, a tenth or two of a second."""
_CHUNKS_PER_WORKER = 2


@dataclass(frozen=True, slots=True)
class ScatteredRun:
    """A run, as one of its steps sees it."""

    strategy: str
    spec: FanoutSpec
    target: ResultFolder
    options: Options
    begun: Begun
    group: str
    """A name that a run and its re-executions have in common."""
    resume: bool
    rest: Strategy
    """How gather does what no step has done."""
    log: Callable[[str], object]

    @classmethod
    @with_its_imports
    def join(
        cls,
        strategy: str,
        spec: FanoutSpec,
        folder: Path,
        options: Options,
        run: str,
        *,
        group: str | None = None,
        resume: bool = True,
        is_over: Callable[[Generation], bool] = lambda generation: False,
        rest: Strategy = STRATEGIES[SUPERVISED],
        log: Callable[[str], object] = lambda line: None,
    ) -> ScatteredRun:
        """Take part in a run, by its name; the first to join begins it.

        `is_over` tells of another run's generation whether nobody works on it any more; with `resume` what
        such a run has left is reused. Raises BadInput or CannotWrite.
        """
        # Nobody can end a call within a step or limit its memory, so gather does not either.
        options = replace(options, item_timeout_seconds=None, worker_memory_mb=None)
        target = ResultFolder(folder)

        def identify() -> tuple[Basis, Identity]:
            basis, named = Basis.of(spec), Strategy(strategy, "", rest.start)
            return basis, identity_of(named, spec, basis, options)

        spec.source.version()  # Nothing is written for an input that does not exist.
        if feed_of(spec.source) is not None:
            raise Unsupported(
                f"{strategy} cuts its input before its steps begin, and {spec.source} cannot be cut where it "
                "is. Use multiprocess, which goes on with what has arrived."
            )
        spec.source.require_columns(spec.keep)
        with explained(folder):
            found = begun(run, target, identify, resume=resume, is_over=is_over, log=log)
        return cls(strategy, spec, target, options, found, group or run, resume, rest, log)

    @property
    def _generation(self) -> Generation:
        return self.target.generation(self.begun.run)

    @property
    def _limits(self) -> CallLimits | None:
        limits = self.options.call_limits
        return None if limits is None else limits._replace(run=self.begun.run)

    @property
    def _wanted(self) -> int:
        size, most = self.begun.basis.input.size, _CHUNK_SIZES * self.spec.source.CHUNK_SIZE
        least = self.options.worker_count * _CHUNKS_PER_WORKER
        return self.options.chunks or max(least, math.ceil(size / most))

    def _chunks(self) -> tuple[Chunk, ...]:
        return self.spec.source.examined(self.begun.basis.input).chunks(self._wanted)

    def scatter(self) -> tuple[Chunk, ...]:
        """What is left to do, one chunk a step. Raises BadInput."""
        ledger = Ledger.read(self._generation)
        return unfinished(self._chunks(), ledger.finished if ledger else ())

    def run_chunk(self, start: int, stop: int) -> Answer:
        """Do what is left of a chunk, in one part or several, and record it in the ledger.

        Raises ItemFailed, BadInput, CannotWrite, MixedTypes or BudgetSpent.
        """
        began, busy = time.time(), 0.0
        keep_freed_memory()
        generation, spec, seen = self._generation, self.spec, self.begun.basis.seen
        ledger = Ledger.read(generation)
        progress = Progress(self.strategy, self.log)
        progress.begin(stop - start)
        work = Work(
            spec.source.examined(self.begun.basis.input),
            typed(spec.function, spec.layout.kind),
            spec.batch_function,
            (),
            generation,
            failures=self.options.failures,
            finished=ledger.finished if ledger else (),
            depends_on=spec.depends_on,
            seen=seen,
            layout=spec.layout,
            setup=setup_of(spec, self.options),
        )
        # The chunk may have been cut before the input shrank.
        stop = min(stop, seen.source.size)
        with (
            explained(self.target.path),
            self._kept(generation),
            inputs_unchanged(spec, seen),
            importing_from(spec.import_path),
            awaited_aside(spec.function),
            limited(self._limits, generation.local, generation.name, progress) as limits,
            suppress(Spent),  # `limited` says so.
            given(work, process_chunk) as process,
        ):
            work = replace(work, limits=limits)
            try:
                parts = part_collector(work)
                for piece in gaps([(start, stop)], work.finished):
                    # A number that no other step has, of this run or of an earlier one that lives on.
                    chunk = Chunk(secrets.randbits(48), *piece)
                    done = process(work, chunk, UNLIMITED)
                    parts.add(*done.range(chunk), done.part)
                    progress.done(done.part.items, done.size(chunk))
                    done.raise_error()
                    busy += busy_seconds(done.part)
            except MixedTypes:
                if self.begun.reused_chunks:
                    # The next run would resume with the same parts and end here again.
                    forget(generation)
                raise
        return Answer(self.begun.run, began, time.time(), busy, own_usage())

    def gather(self, answers: Sequence[Answer]) -> RunRecord:
        """Do what no step has done, and make the parts visible in the order of the input.

        `answers` are those of the steps that ran: schedulers drop skipped ones without a word. Raises what
        strategies raise; earlier results are then as they were.
        """
        begin_gather = time.time()
        spec, begun = self.spec, self.begun
        once, used = None, list[ProcessUsage]()
        prefix = f"{self.group}.{begun.digest}."
        writing = self.target.writing(shared=self._generation, prefix=prefix)
        with (
            explained(self.target.path),
            # Under a new name, so that a step which outlives its run writes nothing into it.
            writing as folder,
            self._kept(folder),
            importing_from(spec.import_path),
        ):
            finished = finished_before(folder, begun.identity, lambda line: None)
            visible = self.target.visible()
            if not finished and visible is not None and visible.name.startswith(prefix):
                self.log("These results are already visible, from an earlier gather of this run.")
                manifest = Manifest.load(visible)
            else:
                require_same_inputs(spec, begun.basis.seen)
                left = unfinished(self._chunks(), finished)
                job = Job(
                    self.strategy,
                    spec,
                    begun.basis,
                    Intake(spec.source, begun.basis.input),
                    self.target,
                    self._wanted,
                    self.options.chunks is not None,
                    self.options.failures,
                    self._limits,
                    Progress(self.strategy, self.log),
                    setup_of(spec, self.options),
                )
                with self._crew(left) as crew:
                    once = job.run(crew, folder, finished)
                    used = crew.usage()
                manifest = once.manifest
        return gathered(
            begun,
            [answer for answer in answers if answer.run == begun.run],
            manifest,
            len(once.ran.parts if once is not None else manifest.parts),
            self.options.worker_count,
            begin_gather,
            once.run_seconds if once is not None and used else 0.0,
            used,
        )

    def _kept(self, generation: Generation) -> AbstractContextManager[None]:
        if not self.resume:
            return nullcontext()
        return log_kept_on_error(generation, self.spec, self.begun.basis, self.log)

    def _crew(self, left: Sequence[Chunk]) -> AbstractContextManager[Crew]:
        if not any(chunk.start < chunk.stop for chunk in left):
            return STRATEGIES[REFERENCE].start(self.options)  # which has nothing to do
        self.log(
            f"{len(left):,} chunks were not done by any step of this run with the current version of the "
            f"function, its input and its settings: {self.rest.name} does them here"
        )
        return self.rest.start(self.options)
