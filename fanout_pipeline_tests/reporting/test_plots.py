import functools
import struct

import pytest

from fanout_pipeline.engine.timing.phases import PHASES as NAMES
from fanout_pipeline.reporting import plots
from fanout_pipeline.reporting.plots import breakdown_plot, times_plot
from fanout_pipeline_tests.measuring.comparison.made_up import ALL, compared, measured, realistic

COMPARISONS = {
    "every strategy": lambda: realistic(*ALL)[0],
    "twelve": lambda: compared(*(measured(f"way {n}", 1.0 + n) for n in range(11))),
    "serial alone": compared,
    "no items": lambda: compared(measured("threads", 0.002, items=0), serial=0.001, items=0),
    "one round": lambda: compared(measured("threads", 0.5, rounds=1), rounds=1),
    "noise": lambda: compared(measured("threads", 1.0, jitter=0.5), jitter=0.5),
    "equal times": lambda: compared(measured("threads", 1.0, jitter=0), jitter=0),
    "wrong": lambda: compared(measured("threads", 0.5, wrong=2)),
    "phases below zero": lambda: compared(
        measured("threads", 0.5, phases={"read": 0.6, "wait": -0.1})
    ),
    "names": lambda: compared(measured("$a_b$ \x1b[31m<&", 2.0)),
}


@functools.cache
def made(name):
    return COMPARISONS[name]()


@pytest.mark.parametrize("draw", [times_plot, breakdown_plot])
@pytest.mark.parametrize("name", COMPARISONS)
def test_every_comparison_can_be_drawn_as_wide_as_the_ui_shows_it(draw, name):
    """There is a picture of each, 900 pixels wide, so that nothing is cut off in the UI's dialog."""
    png = draw(made(name))
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    assert width == 900
    assert 150 < height < 900


def test_each_phase_looks_different():
    """No two phases share colour and hatching."""
    looks = [plots._PHASES[name] for name in NAMES] + [plots._UNACCOUNTED]
    assert len(set(looks)) == len(NAMES) + 1
