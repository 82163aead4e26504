"""Trials without work: contenders that only move a clock, and trials made of given times."""

import random

from fanout_pipeline.engine.model.run_record import RunRecord
from fanout_pipeline.measuring.correctness.order_check import OrderCheck
from fanout_pipeline.measuring.trials.machine import MachineLoad
from fanout_pipeline.measuring.trials.time_limit import TookTooLong
from fanout_pipeline.sources.source import Version
from fanout_pipeline_tests.measuring.trials import made_up

ITEMS = 100_000


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Simulated:
    """A contender that takes the seconds that `law` gives, on a simulated clock."""

    def __init__(self, name, clock, law, *, warms_up=True, wrong=0):
        self.name = name
        self.remark = ""
        self.warms_up = warms_up
        self.began = []
        self.again = []
        self.limits = []
        self._clock, self._law, self._wrong = clock, law, wrong

    def run(self, again, limit_seconds=None):
        self.limits.append(limit_seconds)
        self.began.append(self._clock.now)
        self.again.append(again)
        seconds = self._law() if callable(self._law) else self._law
        if limit_seconds is not None and seconds > limit_seconds:
            self._clock.now += limit_seconds
            raise TookTooLong(limit_seconds)
        self._clock.now += seconds
        return record(self.name, seconds)

    def check(self, run):
        return OrderCheck(ITEMS, ITEMS, 0, 0, 0, self._wrong, None, "", "")


def record(strategy, seconds, **changes):
    """A run that took so long, all of it in its run phase."""
    fields = {
        "strategy": strategy,
        "wall_seconds": seconds,
        "start_seconds": 0.0,
        "run_seconds": seconds,
        "stop_seconds": 0.0,
        "commit_seconds": 0.0,
        "cpu_seconds": seconds,
        "peak_rss_bytes": 1,
        "items": ITEMS,
        "workers": 2,
        "worker_pids": (1,),
        "chunks": 8,
        "start_method": "none",
        "digest": "d",
        "input": Version("f", 1, "i"),
        "function_fingerprint": "g",
        "warm_seconds": (seconds,),
        "phases": {"call": seconds},
    }
    return RunRecord(**fields | changes)


def quiet():
    return MachineLoad(0.0, 0.0)


def trial(strategy, number, seconds, **changes):
    """A counted trial of a round that took so long."""
    fields = {
        "run_id": "run",
        "began": 0.0,
        "warm_up": number < 1,
        "warm_seconds": seconds,
        "phases": {"call": seconds},
        "items": ITEMS,
        "digest": "d",
    }
    return made_up.trial(strategy, seconds, round=number, **fields | changes)


def noisy_trials(ratios, *, rounds=30, noise=0.02, base=0.1, seed=0, **changes):
    """Trials of serial, twice a round, and of strategies that take `ratios` times as long.

    `changes` maps a strategy to changed fields of its trials.
    """
    chance = random.Random(seed)
    trials = []
    for number in range(1, rounds + 1):
        drift = base * (1 + 0.2 * number / rounds)
        for strategy, ratio, control in (
            ("serial", 1.0, False),
            ("serial", 1.0, True),
            *((name, ratio, False) for name, ratio in ratios.items()),
        ):
            seconds = drift * ratio * chance.lognormvariate(0, noise)
            fields = {"control": control} | changes.get(strategy, {})
            trials.append(trial(strategy, number, seconds, **fields))
    return trials


def trial_run(**changes):
    """What such trials have in common."""
    fields = {
        "run_id": "run",
        "began": 0.0,
        "input_sha256": "i",
        "function": "m:f",
        "function_fingerprint": "g",
        "machine": made_up.MACHINE | {"cpu": "a CPU", "packages": {}},
        "options": {},
    }
    return made_up.trial_run(**fields | changes)
