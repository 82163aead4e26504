"""Made-up trials for the arithmetic and the drawing of comparisons."""

import random

from fanout_pipeline.measuring.comparison.asset_record import AssetRecord
from fanout_pipeline.measuring.comparison.compare import compare
from fanout_pipeline_tests.measuring.trials.made_up import REFERENCE, trial, trial_run

WORK = {"read": 0.009, "call": 0.006, "write": 0.008, "wait": 0.0001, "commit": 0.003}
PHASES = {
    "serial": WORK,
    "threads": {"read": 0.008, "call": 0.006, "write": 0.007, "wait": 0.002, "commit": 0.003},
    "multiprocess": {
        "start": 0.25, "read": 0.01, "call": 0.006, "write": 0.005,
        "wait": 0.012, "commit": 0.004, "stop": 0.004,
    },
    "queue": {
        "start": 0.6, "read": 0.0201, "call": 0.01, "write": 0.02,
        "wait": 1.03, "commit": 0.004, "stop": 0.02,
    },
    "indexed_queue": {
        "start": 0.6, "read": 0.02, "call": 0.01, "write": 0.03, "wait": 1.23,
        "commit": 0.004, "stop": 0.02,
    },
    "pool_map": {
        "start": 0.5, "read": 0.02, "call": 0.01, "write": 0.02, "wait": 0.41,
        "commit": 0.004, "stop": 0.05,
    },
    "vectorized": {"read": 0.004, "call": 0.001, "write": 0.006, "commit": 0.003},
    "dagster_in_process": {
        "launch": 3.2, "event_log": 0.9, "framework": 0.5, "io": 0.02, "read": 0.01,
        "call": 0.006, "write": 0.01, "commit": 0.005, "stop": 0.15,
    },
    "dagster_spawn": {
        "launch": 6.4, "event_log": 1.5, "framework": 0.8, "wait": 2.0, "io": 0.05,
        "read": 0.01, "call": 0.005, "write": 0.01, "commit": 0.005, "stop": 0.2,
    },
    "dagster_multiprocess": {
        "launch": 3.2, "event_log": 1.2, "framework": 0.6, "wait": 0.7, "io": 0.05,
        "read": 0.01, "call": 0.005, "write": 0.01, "commit": 0.005, "stop": 0.2,
    },
}  # fmt: skip
"""Realistic, of 100,000 squares on two cores."""
ALL = tuple(PHASES)


def measured(strategy, wall_seconds, *, rounds=7, jitter=0.01, **changes):
    """A trial a round around `wall_seconds`; the reference has two. Phases follow the time."""
    dice = random.Random(f"{strategy}{wall_seconds}")
    done = []
    for number in range(1, rounds + 1):
        for control in (False, True) if strategy == REFERENCE else (False,):
            factor = 1 + dice.uniform(-jitter, jitter)
            scaled = {
                name: seconds * factor
                for name, seconds in changes.items()
                if name.endswith("_seconds") and seconds is not None
            }
            phases = {p: s * factor for p, s in changes.get("phases", {}).items()}
            done.append(
                trial(
                    strategy,
                    wall_seconds * factor,
                    round=number,
                    control=control,
                    **(changes | scaled | {"phases": phases}),
                )
            )
    return done


def recorded(strategy, **changes):
    """What the strategy's asset recorded."""
    fields = {
        "items": 1000,
        "in_order": True,
        "missing": 0,
        "duplicated": 0,
        "wrong": 0,
        "input_sha256": "a" * 64,
        "function_fingerprint": "f" * 16,
        "first_10_results": [0, 1, 4],
        "overlapped_with": [],
    }
    return AssetRecord(strategy, **(fields | changes))


def measurement(*others, serial=1.0, rounds=7, recorded=(), run=None, **changes):
    """A comparison of serial with what `measured` gave for the others, and all its trials."""
    base = measured(REFERENCE, serial, rounds=rounds, **({"warm_seconds": serial} | changes))
    trials = [*base, *(trial for other in others for trial in other)]
    return compare(run or trial_run(), trials, recorded), trials


def compared(*others, **changes):
    """The comparison alone."""
    return measurement(*others, **changes)[0]


def realistic(*strategies, jitter=0.05, **changes):
    """`measurement` of these strategies with their PHASES, of 100,000 items; the slow ran seldom."""
    return measurement(
        *(of(name, jitter) for name in strategies if name != REFERENCE),
        serial=sum(WORK.values()),
        items=100_000,
        phases=WORK,
        jitter=jitter,
        rounds=30,
        **changes,
    )


def of(name, jitter=0.05):
    """The trials of one strategy as `realistic` takes them."""
    phases = PHASES[name]
    wall = sum(phases.values())
    start, stop = phases.get("start", 0.0), phases.get("stop", 0.0)
    queued = name in ("queue", "indexed_queue", "pool_map")
    return measured(
        name,
        wall,
        rounds=30 if wall < 0.1 else 12 if wall < 1 else 7 if wall < 3 else 2,
        jitter=jitter,
        phases=phases,
        items=100_000,
        start_seconds=start,
        stop_seconds=stop,
        warm_seconds=None if name.startswith("dagster") else wall - start - stop,
        start_method="spawn" if start else "none",
        sent_bytes=2_710_000 if queued else 2_400 if name == "multiprocess" else 0,
        pickle_seconds=0.21 if queued else 0.0,
        out_of_place=99_990 if name == "queue" else 0,
    )
