"""Single made-up trials, and what all trials of a run have in common."""

from fanout_pipeline.measuring.trials.store import TrialRun
from fanout_pipeline.measuring.trials.trial import Trial

REFERENCE = "serial"
SINGLE = (REFERENCE, "vectorized")
"""The strategies with one worker."""
MACHINE = {
    "cpu": "AMD EPYC",
    "effective_cores": 2,
    "affinity": 2,
    "cgroup_quota": None,
    "fanout_workers": None,
    "memory_bytes": 24 * 2**30,
    "os": "Linux-6.18.44-x86_64-with-glibc2.36",
    "python": "3.11.7",
    "packages": {"dagster": "1.13.27", "numpy": "2.4.6"},
}


def trial_run(**changes):
    fields = {
        "name": "squares",
        "run_id": "3f2a9c1d-0000-4000-8000-000000000000",
        "began": 1_790_000_000.0,
        "reference": REFERENCE,
        "input_sha256": "a" * 64,
        "function": "fanout_pipeline.squares.square",
        "function_fingerprint": "f" * 16,
        "machine": MACHINE,
        "options": {
            "rounds": 30, "budget_seconds": 60.0, "warm_up_rounds": 1, "seed": 0, "strategies": None,
            "workers": 2, "chunks": None,
        },
    }  # fmt: skip
    return TrialRun(**(fields | changes))


def trial(strategy, wall_seconds, *, round=1, **changes):  # noqa: A002
    """One trial, right in everything."""
    fields = {
        "run_id": "3f2a9c1d",
        "position": 0,
        "control": False,
        "warm_up": False,
        "began": 1_790_000_000.0 + round,
        "start_seconds": 0.0,
        "run_seconds": wall_seconds,
        "commit_seconds": 0.0,
        "stop_seconds": 0.0,
        "warm_seconds": None,
        "phases": {},
        "sent_bytes": 0,
        "pickle_seconds": 0.0,
        "cpu_seconds": wall_seconds,
        "peak_rss_bytes": 10**8,
        "items": 1000,
        "chunks": 8,
        "workers": 1 if strategy in SINGLE else 2,
        "start_method": "none",
        "load_before": 0.1,
        "load_after": 0.1,
        "throttled_seconds": 0.0,
        "digest": "00",
        "out_of_place": 0,
        "missing": 0,
        "duplicated": 0,
        "wrong": 0,
    }
    return Trial(round=round, strategy=strategy, wall_seconds=wall_seconds, **(fields | changes))
