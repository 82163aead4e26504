"""How throughput grows with workers: the Universal Scalability Law.

    C(N) = N / (1 + σ(N - 1) + κN(N - 1))

N. J. Gunther, "A General Theory of Computational Scalability Based on Rational Functions" (2008,
arXiv:0808.1431). σ is what cannot be done in parallel, κ what each worker costs every other worker.
Throughput peaks at N* = sqrt((1 - σ) / κ). The two parameters and the throughput of one worker cannot
be fitted to fewer than four numbers of workers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

MIN_COUNTS = 4
_FOLLOWED = 4
"""How many times beyond the number of cores the law is followed."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """The law's fitted parameters, and what follows from them."""

    identifiable: bool
    sentence: str
    sigma: float | None = None
    """Contention, the law's σ."""
    kappa: float | None = None
    """Coherency, the law's κ."""
    one_worker: float | None = None
    """The throughput of one worker in items a second."""
    best_workers: int | None = None
    """The number of workers with the highest throughput, up to the number of cores."""
    peak: float | None = None
    """N*, where throughput peaks; None where it lies too far beyond the cores to show."""
    throughput: Mapping[int, float] | None = None
    """Measured items a second by the number of workers."""


def worker_counts(cores: int, at_most: int = 8) -> tuple[int, ...]:
    """Numbers of workers from 1 to the cores, about evenly on a log scale."""
    wanted = {1, cores, *(round(cores ** (step / (at_most - 1))) for step in range(at_most))}
    if cores >= MIN_COUNTS:
        wanted |= {2, 3}
    return tuple(sorted(wanted))


def law(workers: float, one_worker: float, sigma: float, kappa: float) -> float:
    """The throughput that the law gives."""
    return one_worker * workers / (1 + sigma * (workers - 1) + kappa * workers * (workers - 1))


def fit_scaling(throughput: Mapping[int, Sequence[float]], cores: int) -> Scaling:
    """Fit the law to measured throughputs (items a second) by the number of workers."""
    medians = {workers: median(found) for workers, found in sorted(throughput.items()) if found}
    if len(medians) < MIN_COUNTS:
        return Scaling(False, not_identifiable(cores), throughput=medians)
    import numpy
    from scipy.optimize import curve_fit

    workers = numpy.array(list(medians), float)
    measured = numpy.array(list(medians.values()))
    first = measured[0] / workers[0]
    (one, sigma, kappa), _ = curve_fit(
        law,
        workers,
        measured / first,
        p0=(1.0, 0.1, 0.01),
        bounds=([0.0, 0.0, 0.0], [numpy.inf, 1.0, numpy.inf]),
        sigma=measured / first,
    )
    exact = math.sqrt((1 - sigma) / max(kappa, 1e-12))
    peak = exact if exact <= _FOLLOWED * cores else None
    best = max(range(1, cores + 1), key=lambda n: law(n, one, sigma, kappa))
    return Scaling(
        identifiable=True,
        sentence=_sentence(best, peak, cores, law(best, 1.0, sigma, kappa)),
        sigma=float(sigma),
        kappa=float(kappa),
        one_worker=float(one * first),
        best_workers=best,
        peak=peak,
        throughput=medians,
    )


def not_identifiable(cores: int) -> str:
    """The sentence for a machine with too few cores."""
    return (
        f"The best number of workers is not identifiable on {cores} "
        f"{'core' if cores == 1 else 'cores'}: the law needs {MIN_COUNTS} numbers of workers."
    )


def _sentence(best: int, peak: float | None, cores: int, speedup: float) -> str:
    text = (
        f"{best} {'worker is' if best == 1 else 'workers are'} best of up to {cores}, with "
        f"{speedup:.2f} times the throughput of one"
    )
    if peak is None:
        return f"{text}; these measurements show no peak in throughput."
    return f"{text}; by the law, throughput peaks at {peak:.1f} workers."
