"""What changed since the last trusted comparison."""

import json

import pytest

from fanout_pipeline.measuring.comparison.compare import compare
from fanout_pipeline.measuring.comparison.history import changes, keep_trusted, last_trusted
from fanout_pipeline.measuring.comparison.verdict import decide
from fanout_pipeline.reporting.report import report_record
from fanout_pipeline_tests.measuring.trials.simulated import noisy_trials, trial_run


def judged(ratios, run=None, **options):
    trials = noisy_trials(ratios, **options)
    compared = compare(run or trial_run(), trials)
    return compared, decide(compared, trials)


def kept(folder, ratios, run=None, **options):
    """A trusted comparison, kept in `folder`, as the next one finds it."""
    compared, verdict = judged(ratios, run, **options)
    assert verdict.trusted
    keep_trusted(folder, report_record(compared, verdict, []))
    return last_trusted(folder, "the next run")


def test_the_same_again_is_no_change(tmp_path):
    """Two nights that differ only by chance are not reported as a change."""
    earlier = kept(tmp_path, {"threads": 0.5}, seed=1)
    assert changes(earlier, *judged({"threads": 0.5}, seed=2)) == []


def test_a_ratio_that_changed_is_reported_with_both_values(tmp_path):
    """A strategy that became slower in relation to serial is named, from what to what."""
    earlier = kept(tmp_path, {"threads": 0.3, "multiprocess": 0.61})
    found = changes(earlier, *judged({"threads": 0.3, "multiprocess": 0.93}))
    assert len(found) == 1
    assert found[0].startswith("multiprocess went from 0.6")
    assert found[0].endswith(" to 0.93 of serial.") or " to 0.9" in found[0]


def test_another_winner_is_reported(tmp_path):
    """Whoever has put the last winner to work reads that another one would be better now."""
    earlier = kept(tmp_path, {"threads": 0.5})
    found = changes(earlier, *judged({"threads": 1.5}))
    assert found[0] == "The verdict went from threads to stay serial."


def test_a_winner_that_may_be_as_good_is_no_news(tmp_path):
    """Of two that are alike, another one is ahead each night: nobody is told to change anything."""
    earlier = kept(tmp_path, {"threads": 0.55, "multiprocess": 0.50})
    compared, verdict = judged({"threads": 0.50, "multiprocess": 0.53})
    assert (earlier.use, verdict.use) == ("multiprocess", "threads")
    assert changes(earlier, compared, verdict) == []


def test_how_much_runs_differ_is_learned_from_them(tmp_path):
    """What is a usual change on a machine whose runs differ is news on one whose runs are alike."""
    seen = {}
    for name, levels in (("first", [0.5]), ("steady", [0.5, 0.502, 0.498, 0.5, 0.501])):
        (tmp_path / name).mkdir()
        for night, level in enumerate(levels):
            earlier = kept(tmp_path / name, {"threads": level}, trial_run(run_id=f"{night}"))
        now = judged({"threads": 0.55}, trial_run(run_id="now"))
        seen[name] = (earlier.run_to_run, changes(earlier, *now))
    assert seen["first"] == (0.07, [])
    assert seen["steady"][0] < 0.02
    assert [line[:17] for line in seen["steady"][1]] == ["threads went from"]


def test_a_function_that_became_cheaper_is_reported(tmp_path):
    """When all ratios move because the function changed, the function is named as the reason."""
    earlier = kept(tmp_path, {"threads": 0.5}, serial={"phases": {"call": 0.5}})
    now = judged(
        {"threads": 0.5},
        trial_run(function_fingerprint="another"),
        serial={"phases": {"call": 0.1}},
    )
    assert changes(earlier, *now) == [
        "The cost of a call fell by a factor of 5.00.",
        "The function, or what it depends on, has changed.",
    ]


def test_a_cost_that_changed_without_the_function_is_reported_as_such(tmp_path):
    """A slower night is not taken for a slower function."""
    earlier = kept(tmp_path, {"threads": 0.5}, serial={"phases": {"call": 0.1}})
    now = judged({"threads": 0.5}, serial={"phases": {"call": 0.2}})
    assert changes(earlier, *now) == [
        "The cost of a call rose by a factor of 2.00, though the function is the same."
    ]


def test_other_data_and_another_machine_are_reported(tmp_path):
    """What makes two comparisons differ for good reason is said beside the difference."""
    earlier = kept(tmp_path, {"threads": 0.5})
    machine = trial_run().machine | {"cpu": "another CPU"}
    now = judged({"threads": 0.5}, trial_run(input_sha256="j", machine=machine))
    found = changes(earlier, *now)
    assert "The input has changed." in found
    assert any(line.startswith("The machine was a different one: a CPU") for line in found)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", json.dumps({"verdict": {"use": "x"}})])
def test_nothing_that_can_be_read_is_no_earlier_one(tmp_path, content):
    """A first comparison, or one after a change of format, is reported without a word of changes."""
    if content is not None:
        (tmp_path / "last_trusted.json").write_text(content)
    assert last_trusted(tmp_path, "run") is None
    assert changes(None, *judged({"threads": 0.5})) == []


def test_the_same_trials_compared_again_are_held_against_those_before(tmp_path):
    """Materializing the comparison once more does not make a change disappear."""
    kept(tmp_path, {"threads": 0.5}, trial_run(run_id="one"))
    compared, verdict = judged({"threads": 1.5}, trial_run(run_id="two"))
    for _ in range(2):
        earlier = last_trusted(tmp_path, "two")
        assert earlier.use == "threads"
        assert changes(earlier, compared, verdict)[0] == (
            "The verdict went from threads to stay serial."
        )
        keep_trusted(tmp_path, report_record(compared, verdict, []))
    assert last_trusted(tmp_path, "three").use == "stay serial"
