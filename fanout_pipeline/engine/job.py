"""What a strategy is to do, and what doing it once has made: from cutting the source to committed parts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanout_pipeline.engine.calls.budget import limited
from fanout_pipeline.engine.calls.typed import typed
from fanout_pipeline.engine.functions.identity import Basis
from fanout_pipeline.engine.functions.input_guard import inputs_unchanged
from fanout_pipeline.engine.intake import Cut, Intake, SpoolIntake
from fanout_pipeline.engine.model.call_limits import CallLimits
from fanout_pipeline.engine.model.options import FailurePolicy
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Crew, Ran
from fanout_pipeline.engine.model.work import Setup, Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.surroundings import Surroundings
from fanout_pipeline.engine.timing.timeline import mean, total
from fanout_pipeline.results.store.contract import Store
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.ledger import Finished, forget
from fanout_pipeline.results.store.manifest import Manifest
from fanout_pipeline.results.types.kinds import MixedTypes
from fanout_pipeline.results.types.layout import require_free
from fanout_pipeline.sources.provenance import recorded

if TYPE_CHECKING:
    from fanout_pipeline.engine.keyed import KeyedRun  # Arrow: definitions do without


@dataclass(frozen=True, slots=True)
class Once:
    """One run of a crew, from cutting the source to committed parts."""

    manifest: Manifest
    cut: Cut
    ran: Ran
    cut_seconds: float
    run_seconds: float
    """Wall time until all parts are written, cutting included."""
    commit_seconds: float

    @property
    def phases(self) -> dict[str, float]:
        cut, commit = {"read": self.cut_seconds}, {"commit": self.commit_seconds}
        return total([cut, mean(self.ran.timelines), commit])

    @property
    def seconds(self) -> float:
        return self.run_seconds + self.commit_seconds


@dataclass(frozen=True, slots=True)
class Job:
    """What one strategy is to do, once or several times: call the function of a spec on all its items."""

    strategy: str
    """The strategy's name, for the manifest."""
    spec: FanoutSpec
    basis: Basis
    """What results are made from, as it was before the first run."""
    intake: Intake
    """How it gets at the items."""
    target: Store
    """Where results are made visible."""
    chunks: int
    """How many chunks the source is cut into at first."""
    fixed: bool
    """Whether the user asked for so many chunks: crews do not cut them smaller then."""
    failures: FailurePolicy
    limits: CallLimits | None
    """What limits all calls of one run together."""
    progress: Progress
    setup: Setup | None
    """What makes the value that the functions are given, with its resources as they are sent."""
    keyed: KeyedRun | None = None
    """What a run with a key carries over; None without."""

    def run(self, crew: Crew, generation: Generation, finished: tuple[Finished, ...] = ()) -> Once:
        """Cut what is not finished of the source, have the crew do it, and commit the generation."""
        began = time.perf_counter()
        try:
            place = generation.local, generation.name, self.progress
            with inputs_unchanged(self.spec, self.basis.seen):
                with limited(self.limits, *place) as limits:
                    cut = self.intake.cut(self.chunks, finished)
                    at = time.perf_counter()
                    ran = crew.run(self._work(generation, cut, limits), self.progress)
                    cut.require_all()
                written = time.perf_counter()
                parts = ran.parts if self.keyed is None else self.keyed.merged(ran.parts)
        except MixedTypes:
            if finished:
                # Another run that resumes from these parts would end here again.
                forget(generation)
            raise
        try:
            read = recorded(self.intake.described, self.intake.input)
            if self.keyed is not None:
                read["kept_removed"] = self.keyed.kept_removed
            made = read, self.basis.made_by, self.spec.unpack
            manifest = Manifest(self.strategy, tuple(parts), *made)
            if manifest.unpacks:  # Each part has been looked at by itself.
                require_free(manifest.kind, manifest.kept)
        except (TypeError, ValueError):
            self._forget(generation)
            raise
        try:
            listed = self.keyed is not None
            manifest = self.target.commit(generation, manifest, failures_listed=listed)
        except TypeError:  # The parts do not fit together.
            self._forget(generation)
            raise
        return Once(manifest, cut, ran, at - began, written - began, time.perf_counter() - written)

    def _forget(self, generation: Generation) -> None:
        """Another run that resumes from all of the parts would end here again; with a key it is asked item by item."""
        if self.keyed is None:
            forget(generation)

    def _work(self, generation: Generation, cut: Cut, limits: CallLimits | None) -> Work:
        spec = self.spec
        return Work(
            self.intake.source,
            typed(spec.function, spec.layout.kind),
            spec.batch_function,
            cut.chunks,
            generation,
            self.fixed,
            self.failures,
            cut.finished,
            spec.depends_on,
            self.basis.seen,
            Surroundings.current(),
            spec.layout if self.keyed is None else self.keyed.layout,
            cut.arrivals,
            spec.source if isinstance(self.intake, SpoolIntake) else None,
            limits,
            spec.thread_safe,
            self.setup,
        )
