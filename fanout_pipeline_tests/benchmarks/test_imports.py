"""Benchmarks are commands that work."""

import importlib
import pkgutil

import benchmarks


def test_every_benchmark_can_be_imported():
    """A name that moved is found before somebody runs a benchmark."""
    for module in pkgutil.walk_packages(benchmarks.__path__, "benchmarks."):
        if not module.name.startswith("benchmarks.peers.contenders.") and not module.name.endswith(
            "__main__"
        ):
            importlib.import_module(module.name)
