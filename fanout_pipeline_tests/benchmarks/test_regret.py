"""What `auto` costs over the best strategy, and what a call costs over a loop: commands that work and do not flatter."""

import json
from dataclasses import replace

import pytest

from benchmarks import call_cost, regret
from benchmarks.regret import AUTO, Case, Way, measured, summary, ways_of
from benchmarks.workloads.catalogue import workloads
from benchmarks.workloads.one_call import Taken

DEAR = workloads(1000.0)["dear"]


@pytest.mark.slow
def test_a_round_of_real_calls(tmp_path, capsys, leaves_nothing):
    """Each way is called in a process of its own, all results are compared, and every time is on record."""
    arguments = ["--rounds", "1", "--workers", "2", "--share", "0.01", "--workload", "dear"]
    assert regret.main([*arguments, "--record", str(tmp_path / "regret.json")]) == 0
    printed = capsys.readouterr().out
    assert "| dear | 2 |" in printed
    assert "2 workers, 1 workloads: geometric mean " in printed
    (case,) = json.loads((tmp_path / "regret.json").read_text())
    assert set(case["seconds"]) == {AUTO, *DEAR.ways}
    assert not case["faults"]
    assert case["regret"] > 0


@pytest.fixture
def calls(monkeypatch):
    """Calls that take what they are told to; those of which nothing is told fail. Gives those that were made."""

    def made_up(seconds, digests=None):
        def called(request, limit):
            made.append(request.strategy)
            taken = seconds.get(request.strategy)
            if taken is None:
                raise RuntimeError("ValueError: no")
            digest = (digests or {}).get(request.strategy, "same")
            return Taken(next(taken), digest, request.strategy, "auto: so.")

        made = []
        monkeypatch.setattr(regret, "called", called)
        return made

    return made_up


def test_the_ratio_is_to_the_best_of_each_round(calls):
    """Auto is compared with the least median, round by round, whichever strategy that is."""
    calls(
        {
            "multiprocess": iter([1.0, 2.0, 4.0]),
            "serial": iter([1.2, 2.4, 4.8]),
            AUTO: iter([1.1, 2.2, 4.4]),
        }
    )
    case = measured(Case(DEAR, 2), 3, 16, 1.0, 1000.0)
    assert (case.best, case.regret) == ("multiprocess", pytest.approx(1.1))
    assert list(summary([case])) == [
        "2 workers, 1 workloads: geometric mean 1.100, worst 1.10 (dear)"
    ]


def test_what_cannot_win_is_called_once(calls):
    """What takes over 1.5 times as long as the best costs no more of the time; auto is called in every round."""
    made = calls({"multiprocess": iter([1.0] * 3), "serial": iter([1.6]), AUTO: iter([9.0] * 3)})
    case = measured(Case(DEAR, 2), 3, 16, 1.0, 1000.0)
    assert (made.count("serial"), made.count("multiprocess"), made.count(AUTO)) == (1, 3, 3)
    assert case.regret == pytest.approx(9)


def test_who_fails_or_is_wrong_is_told_and_does_not_count(calls):
    """No time of another result is ever compared, and a fault of auto's is the command's."""
    digests = {"serial": "another"}
    calls({"serial": iter([0.1] * 2), AUTO: iter([1.0] * 2)}, digests)
    case = measured(Case(replace(DEAR, ways=("threads", "serial")), 2), 2, 16, 1.0, 1000.0)
    assert case.faults == {"threads": "ValueError: no", AUTO: "WRONG RESULTS"}
    assert case.regret is None
    assert list(summary([case])) == []


def test_waits_are_tried_with_more_threads():
    """So many as `--threads` says, beside as many as there are workers."""
    found = ways_of(workloads(1000.0)["waits in threads"], 2, 16)
    assert found[:2] == [Way("threads", 16, "16 threads"), Way("threads", 2, "threads")]
    assert found[-1] == Way(AUTO, 2, AUTO)


@pytest.mark.slow
def test_costs_of_a_call_are_printed(capsys, leaves_nothing):
    """Each beside what a user would do without it; what an import brings with it is listed."""
    call_cost.main(["--rounds", "1", "--items", "50", "--rows", "20"])
    printed = capsys.readouterr().out
    for what in ("100 squares", "50 squares", "score of 20 rows"):
        assert f"| {what}, fan_out / loop |" in printed
    assert "`import fanout_pipeline` imports 1 modules of ours: fanout_pipeline\n" in printed
    assert "of pandas, numpy, pyarrow, dagster: none\n" in printed
