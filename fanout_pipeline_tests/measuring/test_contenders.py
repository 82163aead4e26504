"""Strategies as contenders: each of their timed runs is checked."""

from dataclasses import replace

import pytest

from fanout_pipeline.fanout import FanoutSpec, Options
from fanout_pipeline.fanout.registry import REFERENCE, STRATEGIES
from fanout_pipeline.measuring.contenders import InProcess
from fanout_pipeline.numbers_file import write_numbers
from fanout_pipeline.sources import IntegerLines
from fanout_pipeline.squares import square


@pytest.mark.slow
def test_the_run_whose_time_counts_is_checked_too(tmp_path):
    """Workers that were wrong cold and right warm are not called right."""
    write_numbers(tmp_path / "numbers.txt", 50)
    spec = FanoutSpec("squares", IntegerLines(str(tmp_path / "numbers.txt")), square)
    serial, multiprocess = (
        InProcess(STRATEGIES[name], spec, tmp_path, Options(2, "spawn"))
        for name in (REFERENCE, "multiprocess")
    )
    serial.run(again=False)
    run = multiprocess.run(again=True)
    assert multiprocess.check(run).wrong == 0
    assert multiprocess.check(replace(run, digest="of other results")).wrong > 0
