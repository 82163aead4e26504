"""The Universal Scalability Law is recovered where it can be, and not claimed where it cannot."""

import math
from random import Random

import pytest

from fanout_pipeline.measuring.statistics.scaling import fit_scaling, law, worker_counts


def throughput(counts, sigma, kappa, noise=0.0):
    rng = Random(1)
    return {
        n: [law(n, 1000.0, sigma, kappa) * math.exp(rng.gauss(0, noise)) for _ in range(3)]
        for n in counts
    }


def test_the_parameters_are_recovered():
    """Contention, coherency and the best number of workers are those that made the throughputs."""
    found = fit_scaling(throughput(worker_counts(32), 0.05, 0.002), 32)
    assert found.identifiable
    assert found.sigma == pytest.approx(0.05, rel=0.01)
    assert found.kappa == pytest.approx(0.002, rel=0.01)
    assert found.one_worker == pytest.approx(1000, rel=0.01)
    assert found.peak == pytest.approx(math.sqrt(0.95 / 0.002), rel=0.01)
    assert found.best_workers == 22
    assert "22 workers are best of up to 32" in found.sentence


def test_noise_moves_the_best_number_by_little():
    """Throughputs that are off by some percent give about the same advice."""
    found = fit_scaling(throughput(worker_counts(64), 0.02, 0.001, noise=0.03), 64)
    assert found.best_workers == pytest.approx(31, abs=8)


def test_a_throughput_without_a_peak_uses_all_cores():
    """Where more workers always give more, as many as there are cores are best."""
    found = fit_scaling(throughput(worker_counts(8), 0.1, 0.0), 8)
    assert (found.best_workers, found.peak) == (8, None)
    assert "no peak" in found.sentence


@pytest.mark.parametrize(("cores", "text"), [(1, "1 core:"), (2, "2 cores:"), (3, "3 cores:")])
def test_few_cores_do_not_identify_the_law(cores, text):
    """With fewer than four numbers of workers nothing is made up."""
    found = fit_scaling(throughput(worker_counts(cores), 0.1, 0.01), cores)
    assert not found.identifiable
    assert found.best_workers is None
    assert f"not identifiable on {text}" in found.sentence


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 5, 8, 12, 64, 500])
def test_worker_counts_go_from_one_to_the_cores(cores):
    """Every measurement has both ends, and four numbers wherever there are four cores."""
    counts = worker_counts(cores)
    assert (counts[0], counts[-1]) == (1, cores)
    assert len(counts) <= 10
    assert len(counts) >= min(4, cores)
