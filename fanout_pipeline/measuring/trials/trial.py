"""One timed run of one strategy, and all of them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Trial:
    """One timed run of one strategy, as it was measured."""

    run_id: str
    round: int
    """The round's number, from 1; warm-up rounds are 0, -1, …"""
    position: int
    """The place in the round, from 0."""
    strategy: str
    control: bool
    """True for the reference's second run of the round."""
    warm_up: bool
    began: float
    """The time of the start in seconds since the epoch."""
    wall_seconds: float
    """The cold run: starting workers, cutting the source to committed parts, stopping workers."""
    start_seconds: float
    run_seconds: float
    commit_seconds: float
    stop_seconds: float
    warm_seconds: float | None
    """A second run by the same workers, or the only run where no processes are started; None where
    workers cannot be kept."""
    phases: dict[str, float]
    """Seconds by the names of `engine.timing.phases.PHASES`; they sum to `wall_seconds`."""
    sent_bytes: int
    pickle_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    items: int
    chunks: int
    workers: int
    start_method: str
    load_before: float | None
    load_after: float | None
    throttled_seconds: float | None
    """How long the cgroup's quota held processes back during the trial."""
    digest: str
    out_of_place: int
    missing: int
    duplicated: int
    wrong: int
    inexact: int = 0
    """How many results differ from the reference's in the last digits of floats, within the tolerance."""
    largest_difference: float = 0.0
    """The largest relative difference of an inexact result."""
    why: str = ""
    """What `auto` has chosen, and why; empty for other strategies, and in trials of earlier versions."""
    session: int = 1
    """The number of the session, from 1; each has processes of its own."""

    @property
    def in_order(self) -> bool:
        return self.out_of_place == 0

    @property
    def correct(self) -> bool:
        return not (self.out_of_place or self.missing or self.duplicated or self.wrong)


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """How much to measure."""

    rounds: int = 100
    """The most rounds that are run."""
    budget_seconds: float = 65.0
    """No trial begins that would end after it, except the reference's first."""
    warm_up_rounds: int = 1
    seed: int = 0
    sessions: int = 1
    """Into how many sessions rounds and budget are divided, each with processes of its own."""


@dataclass(frozen=True, slots=True)
class Trials:
    """All trials of one run, and what was left out."""

    trials: tuple[Trial, ...]
    rounds: int
    """How many rounds have the reference and another trial, without warm-up."""
    remarks: tuple[str, ...] = ()
    """What a reader has to know: which strategies ran in fewer rounds, what the budget cut off."""
    failures: dict[str, str] = field(default_factory=dict)
    """The errors of strategies that failed and were left out of all later rounds."""
