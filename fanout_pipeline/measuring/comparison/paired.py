"""The trials of one run that count, paired by the round."""

from __future__ import annotations

from collections.abc import Sequence

from fanout_pipeline.measuring.statistics.inference import (
    RatioEstimate,
    control_estimate,
    ratio_estimate,
)
from fanout_pipeline.measuring.trials.trial import Trial


class PairedTrials:
    """Ratios of any two strategies, from the rounds in which both took part."""

    def __init__(self, reference: str, trials: Sequence[Trial]):
        self.reference = reference
        # Where the budget ended with the warm-up, its trials are all there is to show.
        self.counted = [trial for trial in trials if not trial.warm_up] or list(trials)
        self._runs: dict[str, dict[int, list[Trial]]] = {}
        """The trials of each strategy by round; the reference's second run is the second one."""
        for trial in sorted(self.counted, key=lambda trial: trial.control):
            self._runs.setdefault(trial.strategy, {}).setdefault(trial.round, []).append(trial)
        self._after: dict[tuple[int, str, bool], str] = {}
        """The strategy that ran before a trial."""
        before = ""
        for trial in sorted(trials, key=lambda trial: (trial.round, trial.position)):
            self._after[trial.round, trial.strategy, trial.control] = before
            before = trial.strategy
        pairs = [runs for runs in self._runs.get(reference, {}).values() if len(runs) > 1]
        self.control: RatioEstimate | None = None
        """The reference's second runs in relation to its first; None without a round that has both."""
        self._control: list[float] = []
        if pairs:
            first, second = zip(*pairs, strict=True)
            walls = [[trial.wall_seconds for trial in side] for side in (first, second)]
            self.control = control_estimate(*walls)
            self._control = [two / one for one, two in zip(*walls, strict=True)]

    def ratio(self, strategy: str, other: str, field: str = "wall_seconds") -> RatioEstimate | None:
        """The time of one strategy in relation to another's; None where there is nothing to relate."""
        ours, theirs = self._runs.get(strategy, {}), self._runs.get(other, {})
        both = [
            (ours[number][0], self._undisturbed(theirs[number], strategy))
            for number in sorted(ours.keys() & theirs.keys())
        ]
        found = [
            (getattr(one, field), getattr(two, field), one.session)
            for one, two in both
            if None not in (getattr(one, field), getattr(two, field))
        ]
        if not found:
            return None
        one, two, sessions = zip(*found, strict=True)
        return ratio_estimate(one, two, self._control, sessions)

    def _undisturbed(self, runs: Sequence[Trial], strategy: str) -> Trial:
        """Of two runs of the reference the one that did not follow the strategy, which may leave things behind."""
        apart = (
            run for run in runs if self._after[run.round, run.strategy, run.control] != strategy
        )
        return next(apart, runs[0])
