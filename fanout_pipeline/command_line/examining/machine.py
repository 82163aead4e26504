"""The machine: cores, worker processes, the clock."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from fanout_pipeline.command_line.examining.finding import Finding, failure, fine, warning

_COARSE_SECONDS = 1e-4
"""A clock that steps by more than this does not tell quick calls apart."""
_SET_SECONDS = 0.05
"""How far the time of day may move against the other clock while `doctor` looks."""
_STARTS_SLOWLY = 2.0
_CLOCK_LOOKS = 1000


class DayClock:
    """Whether the time of day is set while other things are looked at."""

    def __init__(self) -> None:
        self._day, self._steady = time.time(), time.monotonic()

    def look(self) -> Iterator[Finding]:
        """To be called at the end."""
        moved = (time.time() - self._day) - (time.monotonic() - self._steady)
        if abs(moved) > _SET_SECONDS:
            yield warning(
                "clock",
                f"the time of day was set by {moved:+.2f} s while this looked: times in logs and ages of files jump",
                "have the clock kept by a service that slews it, such as chrony",
            )


def look_at_clock() -> Iterator[Finding]:
    """By how much the clock steps with which calls are timed."""
    least = float("inf")
    deadline = time.monotonic() + 0.2
    for _ in range(_CLOCK_LOOKS):
        before = now = time.perf_counter()
        while now == before and time.monotonic() < deadline:
            now = time.perf_counter()
        least = min(least, now - before or least)
        if time.monotonic() >= deadline:
            break
    if least > _COARSE_SECONDS:
        yield warning(
            "clock",
            f"the clock steps by {least:.3g} s: times of quick calls, by which chunks are sized, are guesses",
            "on a virtual machine, choose another clock source (tsc or kvm-clock)",
        )
    else:
        yield fine("clock", f"steps by {least * 1e9:,.0f} ns")


def look_at_cores() -> Iterator[Finding]:
    """How many there are, how many of them a run uses, and why not more."""
    from fanout_pipeline.engine.system.cores import measured_cores

    there = os.cpu_count() or 1
    try:
        cores = measured_cores()
    except ValueError as error:  # of FANOUT_WORKERS
        yield failure("cores", str(error), "set FANOUT_WORKERS to a whole number, or unset it")
        return
    limits = [
        f"{cores.affinity} by affinity" if cores.affinity < there else "",
        f"{cores.quota:g} by the quota of the cgroup" if cores.quota else "",
        f"{cores.requested} by FANOUT_WORKERS" if cores.requested else "",
    ]
    why = ", ".join(filter(None, limits))
    yield fine("cores", f"{cores.effective} used of {there} there" + (f" ({why})" if why else ""))
    if cores.requested and cores.requested > cores.effective:
        yield warning(
            "cores",
            f"FANOUT_WORKERS={cores.requested} asks for more than the {cores.effective} that may be used",
            "give the container more, or set FANOUT_WORKERS to that",
        )
    from fanout_pipeline.engine.system.blas_threads import thread_variables

    named = thread_variables(os.environ)
    several = {name: text for name, text in named.items() if text.isdecimal() and int(text) > 1}
    if several:
        told = ", ".join(f"{name}={text}" for name, text in several.items())
        most = max(map(int, several.values()))
        yield warning(
            "cores",
            f"{told}: each of {cores.effective} workers has {most} threads of linear algebra, on "
            f"{cores.effective} cores",
            f"unset {' and '.join(several)}, and a worker has one; or have fewer workers",
        )


def look_at_workers() -> Iterator[Finding]:
    """Start one, and have it make a call."""
    from fanout_pipeline.engine.fan_out import fan_out
    from fanout_pipeline.engine.model.options import Options
    from fanout_pipeline.results.files.windows import NotOnWindows

    began = time.perf_counter()
    try:
        fan_out(abs, [-1], strategy="multiprocess", options=Options(workers=1), progress=False)
    except NotOnWindows as error:
        yield failure("workers", str(error), "run Dagster on Linux, such as WSL 2")
        return
    except Exception as error:
        yield failure(
            "workers",
            f"no worker process can be started: {error}",
            "look at the limits of processes, memory and open files (ulimit -a)",
        )
        return
    seconds = time.perf_counter() - began
    if seconds > _STARTS_SLOWLY:
        yield warning(
            "workers",
            f"a worker process took {seconds:.1f} s to start and to answer",
            "the disk of the Python environment may be slow, or its modules not compiled (python -m compileall)",
        )
    else:
        yield fine("workers", f"one was started and has answered within {seconds:.2f} s")
