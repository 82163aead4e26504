"""What docs/decisions/statistics.md measures: `python benchmarks/intervals.py [simulations]`.

Rounds with a known true ratio are made up; counted is how often the 95 % interval of each method
covers it, and how often a difference is claimed that is not there. Takes some minutes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import partial

import numpy
from scipy import stats

from fanout_pipeline.measuring.statistics.inference import (
    MAX_NOISE,
    Claim,
    claim,
    control_estimate,
    median_interval,
    noise_floor,
    ratio_estimate,
    reference_seconds,
)
from fanout_pipeline_tests.measuring.statistics.simulated_rounds import simulated_rounds

Interval = Callable[[numpy.ndarray], tuple[numpy.ndarray, numpy.ndarray]]
ROUNDS = (5, 6, 7, 8, 10, 15, 30)
RESAMPLES = 999


def bootstrap(method: str, values: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    with numpy.errstate(all="ignore"):
        found = stats.bootstrap(
            (values,), numpy.median, axis=-1, n_resamples=RESAMPLES, method=method, rng=0
        ).confidence_interval
    return found.low, found.high


def smoothed(values: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    low, high = median_interval(values, 0, RESAMPLES)
    return low, high


def order_statistics(
    values: numpy.ndarray, interpolate: bool
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Exact; or interpolated to 95 % (Hettmansperger & Sheather 1986). The range of 5."""
    count, ordered = values.shape[-1], numpy.sort(values, axis=-1)

    def covers(left_out: int) -> float:
        return 1 - 2 * sum(math.comb(count, i) for i in range(left_out + 1)) / 2**count

    out = 0
    while covers(out + 1) >= 0.95:
        out += 1
    weight = 0.0
    if interpolate and count > 5:
        part = (covers(out) - 0.95) / (covers(out) - covers(out + 1))
        weight = (count - out - 1) * part / (out + 1 + (count - 2 * out - 2) * part)
    inner, outer = ordered[..., out + 1], ordered[..., -2 - out]
    return (
        (1 - weight) * ordered[..., out] + weight * inner,
        (1 - weight) * ordered[..., -1 - out] + weight * outer,
    )


METHODS: dict[str, Interval] = {
    "percentile": partial(bootstrap, "percentile"),
    "BCa": partial(bootstrap, "BCa"),
    "basic": partial(bootstrap, "basic"),
    "smoothed": smoothed,
    "order statistics": partial(order_statistics, interpolate=False),
    "interpolated": partial(order_statistics, interpolate=True),
}


def coverage(simulations: int, **noise: object) -> None:
    for related_to in ("first run", "geometric mean"):
        print(f"\nRelated to the {related_to}, {noise}: % covered (median width)")
        print("| rounds | " + " | ".join(METHODS) + " | bias |")
        for rounds in ROUNDS:
            made = simulated_rounds(
                numpy.random.default_rng(rounds), 1.0, rounds, simulations, **noise
            )
            first, second, strategy = numpy.log(made)
            logs = strategy - (first if related_to == "first run" else (first + second) / 2)
            cells = []
            for method in METHODS.values():
                batches = [method(batch) for batch in numpy.array_split(logs, simulations // 100)]
                low, high = numpy.concatenate(batches, axis=-1)
                covered = ((low <= 0) & (high >= 0)).mean()
                cells.append(f"{100 * covered:.1f} ({numpy.median(high - low):.2f})")
            bias = f"{100 * numpy.median(numpy.median(logs, axis=-1)):+.1f} %"
            print(f"| {rounds} | " + " | ".join([*cells, bias]) + " |", flush=True)


def claims(simulations: int, ratio: float, **noise: object) -> None:
    print(f"\nTrue ratio {ratio}, {noise}: % covered, faster, slower, without floor, quiet enough")
    for rounds in (5, 6, 10, 30):
        made = simulated_rounds(
            numpy.random.default_rng(rounds), ratio, rounds, simulations, **noise
        )
        found = []
        for first, second, strategy in made.swapaxes(0, 1):
            estimate = ratio_estimate(
                strategy, reference_seconds(first, second), resamples=RESAMPLES
            )
            floor = noise_floor(control_estimate(first, second))
            here, bare = claim(estimate, floor), claim(estimate, 0.0)
            found.append(
                (
                    estimate.low <= ratio <= estimate.high,
                    here is Claim.FASTER,
                    here is Claim.SLOWER,
                    bare is Claim.FASTER,
                    bare is Claim.SLOWER,
                    floor <= MAX_NOISE,
                )
            )
        shares = " | ".join(f"{100 * share:.1f}" for share in numpy.mean(found, axis=0))
        print(f"| {rounds} | {shares} |", flush=True)


if __name__ == "__main__":
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    coverage(simulations, skewed=False)
    coverage(simulations, skewed=True)
    for ratio in (0.5, 0.8, 0.97, 1.0, 1.03, 2.0):
        claims(simulations // 2, ratio)
    claims(simulations // 2, 1.0, cold_start=1.1)
    claims(simulations // 2, 1.0, alike=0.5)
