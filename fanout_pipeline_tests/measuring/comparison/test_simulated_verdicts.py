"""Verdicts on made-up rounds whose truth is known, under fourteen kinds of noise (`noise_models`)."""

import math
from functools import cache

import numpy
import pytest

from fanout_pipeline.measuring.comparison.compare import compare
from fanout_pipeline.measuring.comparison.history import Earlier, changes
from fanout_pipeline.measuring.comparison.verdict import decide
from fanout_pipeline.measuring.statistics.inference import EQUIVALENT
from fanout_pipeline.reporting.report import report_record
from fanout_pipeline_tests.faults.rounds import ROUNDS
from fanout_pipeline_tests.measuring.statistics.noise_models import MODELS, Made
from fanout_pipeline_tests.measuring.trials.made_up import trial
from fanout_pipeline_tests.measuring.trials.simulated import trial_run

NAMES = tuple(f"way{n}" for n in range(1, 10))
COMPARISONS = 10 * ROUNDS


def trials_of(made, number):
    """The trials of one of the comparisons, as the rounds would have stored them."""
    seconds, place = made.seconds[number].tolist(), made.place[number].tolist()
    names = ("serial", "serial", *NAMES[: made.entrants - 2])
    return [
        trial(
            name,
            seconds[number][one],
            round=number + 1,
            position=place[number][one],
            control=one == 1,
            session=1 + number * made.sessions // made.rounds,
        )
        for number in range(made.rounds)
        for one, name in enumerate(names)
    ]


def judged(model, ratios, rounds, *, comparisons=COMPARISONS, seed=0, **options):
    """Comparisons with their verdicts, and the ratios that were true in each."""
    made = Made(model, ratios, rounds, comparisons, [seed, rounds, len(ratios)], **options)
    for number in range(comparisons):
        trials = trials_of(made, number)
        compared = compare(trial_run(), trials)
        yield compared, decide(compared, trials), numpy.array(ratios) * made.own[number]
