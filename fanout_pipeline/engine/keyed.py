"""A run with a key, beside the ordinary road: which items it calls, and what its results are made of in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy

from fanout_pipeline.engine.functions.identity import RESULT_TYPE, Basis
from fanout_pipeline.engine.incremental.decision import Decision, decide, places
from fanout_pipeline.engine.incremental.failed import write_failed
from fanout_pipeline.engine.incremental.merge import Merge
from fanout_pipeline.engine.incremental.picked import PickedFeed
from fanout_pipeline.engine.incremental.pools import (
    Pool,
    salvage,
    salvaged_pools,
    visible_pool,
)
from fanout_pipeline.engine.incremental.survey import Survey, survey_of, without_duplicates
from fanout_pipeline.engine.intake import Cut, Intake, SpoolIntake
from fanout_pipeline.engine.model.changes import Asked, Changes
from fanout_pipeline.engine.model.options import Options
from fanout_pipeline.engine.model.spec import FanoutSpec
from fanout_pipeline.engine.model.strategy import Crew, Ran
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.system.progress import Progress
from fanout_pipeline.engine.system.usage import ProcessUsage
from fanout_pipeline.results.files.atomic import make_folder
from fanout_pipeline.results.store.contract import Store
from fanout_pipeline.results.store.generation import Generation
from fanout_pipeline.results.store.keys import CALLED, KEYS, write_keys
from fanout_pipeline.results.store.ledger import CALLED_SPOOL, Finished, Identity
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.results.types.layout import Layout
from fanout_pipeline.sources.source import BadInput, Version
from fanout_pipeline.sources.spool.spool import Spool


class KeyedRun:
    """What one run with a key has found out before it begins."""

    def __init__(
        self,
        intake: Intake,
        generation: Generation,
        layout: Layout,
        identity: Identity,
        survey: Survey,
        decision: Decision,
        pools: Sequence[Pool],
        visible: Pool | None,
    ):
        self.intake = intake
        """How it gets at the items that it calls."""
        self._generation = generation
        self._layout = layout
        self._identity = identity
        self._survey = survey
        self._decision = decision
        self._pools = pools
        self._visible = visible

    @property
    def changes(self) -> Changes:
        """What has changed since the results before."""
        return self._decision.changes

    @property
    def layout(self) -> Layout:
        """Which columns the parts have that it writes while it calls."""
        return self._layout if self._calls_all else self._layout._replace(keep=())

    @property
    def calls_none(self) -> bool:
        """Whether there is nothing to call, and something to keep."""
        return not self._calls_all and not len(self._decision.called)

    @property
    def _calls_all(self) -> bool:
        return len(self._decision.called) == self._decision.keys.size

    def merged(self, parts: Sequence[PartRecord]) -> list[PartRecord]:
        """The parts of the results, of those that the run has written and of what is carried over.

        Writes what failed, and the keys, too. Raises CannotWrite, NoResults, or MixedTypes.
        """
        generation, decision = self._generation, self._decision
        known = generation, self._survey, decision
        if decision.keys.size:
            merge = Merge(*known, self._pools, self._visible, self._layout, parts)
            write_failed(*known, self._visible, parts)
            keys, parts = merge.keys, merge.parts()
        else:
            keys = decision.keys
        visible, made_from = self._visible, self._identity.results
        if visible is not None and visible.made_from == made_from and keys.equals(visible.keys):
            generation.share(visible.generation, KEYS, KEYS)
        else:
            write_keys(generation, KEYS, keys, made_from)
        return list(parts)

    @property
    def kept_removed(self) -> int:
        """How many results are kept of items that are no longer in the input."""
        return self._decision.keys.size - self._decision.in_input


class _Picked(SpoolIntake):
    """Some items of an input, which are spooled."""

    @property
    def input(self) -> Version:
        return self._input


class _Nothing(Intake):
    """None of the items of an input."""

    def cut(self, wanted: int, finished: tuple[Finished, ...]) -> Cut:
        return Cut(())


class NoCrew(Crew):
    """What there is to do nothing."""

    def run(self, work: Work, progress: Progress) -> Ran:
        return Ran([], ())

    def usage(self) -> list[ProcessUsage]:
        return []


@contextmanager
def nobody(options: Options) -> Iterator[NoCrew]:
    """Starts no workers."""
    yield NoCrew()


@contextmanager
def keyed_run(
    spec: FanoutSpec,
    basis: Basis,
    target: Store,
    generation: Generation,
    whole: Intake,
    chunks: int,
    at_once: bool,
    identity: Identity,
    finished: Sequence[Finished],
    asked: Asked,
    log: Callable[[str], object],
) -> Iterator[KeyedRun]:
    """Look through an input and decide what is called; for the block, that can be read.

    `finished`: what a dead run has left in the generation. `at_once`: nothing is called before all that is called has
    been picked. Raises BadInput for an item without a key, and for two of one key.
    """
    assert spec.key is not None
    salvage(generation, finished, identity, spec.layout.unpack)
    salvaged, visible = salvaged_pools(generation), visible_pool(target)
    pools = [*([] if visible is None else [visible]), *salvaged]
    ranges = whole.cut(chunks, ()).chunks
    survey = survey_of(whole.source, ranges, spec.key, spec.keep, pools)
    was_at = numpy.full(survey.keys.size, -1)
    if visible is not None:
        was_at = places(survey.keys.key, visible.keys.key)
    survey = without_duplicates(survey, was_at, spec.duplicates)
    changed = [] if visible is None else identity.changed(Identity(visible.made_from))
    if RESULT_TYPE in changed and asked.items in ("failed", "missing"):
        raise BadInput(
            f"{RESULT_TYPE} has changed (result_type= or unpack=), so results cannot stand beside those that items: "
            f"{asked.items} would make. Run with items: changed, which calls all."
        )
    decision = decide(survey.keys, was_at, visible, salvaged, asked, changed)
    write_keys(generation, CALLED, survey.keys.take(decision.called), asked.items)
    log(decision.changes.sentence)
    run = generation, spec.layout, identity, survey, decision, pools, visible
    made = KeyedRun(whole, *run)
    if made.calls_none:
        yield KeyedRun(_Nothing(whole.described, whole.input), *run)
    elif len(decision.called) == decision.keys.size:
        yield made
    else:
        folder = Path(generation.local, CALLED_SPOOL)
        make_folder(folder)
        with Spool(PickedFeed(survey, decision.called, folder), folder) as spool:
            place = whole.described, whole.input, spool, generation, at_once, log
            yield KeyedRun(_Picked(*place), *run)
