"""A comparison comes down to a line that can be pasted."""

from dataclasses import replace

import pytest

from fanout_pipeline import Options
from fanout_pipeline.measuring.comparison.compare import compare
from fanout_pipeline.measuring.comparison.options_line import options_line
from fanout_pipeline.measuring.comparison.verdict import decide
from fanout_pipeline.reporting.page import report_markdown
from fanout_pipeline.reporting.record import report_record
from fanout_pipeline_tests.measuring.comparison.made_up import measured
from fanout_pipeline_tests.measuring.trials.made_up import trial_run

CASES = [
    ({"threads": 0.1, "multiprocess": 0.5}, 'Options(strategy="threads", workers=2)'),
    ({"multiprocess": 0.2}, 'Options(strategy="multiprocess", workers=2)'),
    ({"vectorized": 0.2}, 'Options(strategy="vectorized")'),
    ({"auto": 0.2, "multiprocess": 0.21}, 'Options(strategy="auto")'),
    ({"asyncio": 0.01}, 'Options(strategy="asyncio", concurrency=50)'),
    ({"threads": 2.0}, 'Options(strategy="serial")'),
    ({"pool_map": 0.2, "multiprocess": 0.4}, 'Options(strategy="multiprocess", workers=2)'),
    ({"dagster_multiprocess": 0.4}, 'Options(strategy="serial")'),
    ({"threads": 1.0}, 'Options(strategy="serial")'),
    ({}, None),
]


def made(ratios, **run):
    trials = [
        one for name, ratio in ({"serial": 1.0} | ratios).items() for one in measured(name, ratio)
    ]
    common = trial_run(**run)
    compared = compare(replace(common, options=common.options | {"concurrency": 50}), trials)
    return compared, decide(compared, trials)


@pytest.mark.parametrize(("ratios", "line"), CASES)
def test_the_line_is_what_was_recommended(ratios, line):
    """With what the strategy takes, and nothing that cannot be deployed; without a verdict there is none."""
    compared, verdict = made(ratios)
    assert options_line(compared, verdict) == line
    assert report_record(compared, verdict, [])["options"] == line
    page = report_markdown(compared, verdict, [], {})
    assert page.endswith(f"`{line}`\n" if line else "Nothing yet: there is no verdict.\n")
    if line:
        assert eval(line, {"Options": Options}).strategy == line.split('"')[1]


def test_load_that_is_not_ours_withholds_the_verdict():
    """What other programs took is said, and nothing is recommended."""
    compared, verdict = made({"threads": 0.1}, other_load=0.4, sample="Measured on a sample: x.")
    assert (verdict.use, verdict.trusted) == ("cannot tell", False)
    assert verdict.reason.startswith("other programs took 40 % of the cores meanwhile, over 15 %")
    assert options_line(compared, verdict) is None
    page = report_markdown(compared, verdict, [], {})
    assert "Other programs took 40 % of the cores during the trials." in page
    assert "Measured on a sample&#58; x." in page or "Measured on a sample: x." in page
    compared, verdict = made({"threads": 0.1}, other_load=0.1)
    assert verdict.trusted
