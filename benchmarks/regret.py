"""What `auto` costs over the best strategy for the work, which it does not know beforehand.

    python -m benchmarks.regret [--rounds 10] [--workers 1 2 4] [--workload dear --workload late …] [--record regret.json]

For each workload of `benchmarks.workloads` and each number of workers: `fan_out(…, strategy="auto")` and `fan_out` with each
single strategy that may be the best, the same call otherwise, in shuffled rounds. Each call has a fresh
process, in which all that it may import is imported and its items are made before the clock starts. A
strategy that takes over 1.5 times as long as the best takes part in no further round. The ratio is the
median over the rounds, with its 95 % interval from five rounds on; the best is the one with the least
median. Functions that wait in threads are tried with more threads than `--workers` says, too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.workloads.catalogue import Workload, workloads
from benchmarks.workloads.one_call import Request, Taken
from fanout_pipeline.measuring.break_even.added_cost import calibrate
from fanout_pipeline.measuring.statistics.inference import ratio_estimate

ROOT = Path(__file__).resolve().parents[1]
AUTO = "auto"
_HOPELESS = 1.5
_PATIENCE = (10.0, 4.0)
"""A call is ended after so many seconds and so many times the best one's."""
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Way:
    """A strategy with a number of workers."""

    strategy: str
    workers: int
    name: str


@dataclass(slots=True)
class Case:
    """A workload with a number of workers, and what its calls took."""

    workload: Workload
    workers: int
    seconds: dict[str, dict[int, float]] = field(default_factory=dict)
    """By the way's name and the round."""
    faults: dict[str, str] = field(default_factory=dict)
    """Of ways that failed, took too long, or gave other results."""
    why: str = ""
    """What `auto` said last."""

    @property
    def best(self) -> str | None:
        """The single strategy with the least median."""
        known = [name for name in self.seconds if name != AUTO and name not in self.faults]
        return min(known, key=self.median, default=None)

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name].values())

    @property
    def ratios(self) -> tuple[list[float], list[float]] | None:
        """The times of auto and of the best, in the rounds that both took part in."""
        if self.best is None or AUTO not in self.seconds or AUTO in self.faults:
            return None
        auto, best = self.seconds[AUTO], self.seconds[self.best]
        both = sorted(auto.keys() & best.keys())
        return [auto[number] for number in both], [best[number] for number in both]

    @property
    def regret(self) -> float | None:
        if self.ratios is None:
            return None
        return statistics.median(a / b for a, b in zip(*self.ratios, strict=True))


def ways_of(workload: Workload, workers: int, threads: int) -> list[Way]:
    """Those that may be the best, the likely one first, and auto."""
    found = [Way(name, workers, name) for name in workload.ways]
    if workload.waits and "threads" in workload.ways and threads > workers:
        found.insert(0, Way("threads", threads, f"{threads} threads"))
    return [*found, Way(AUTO, workers, AUTO)]


def called(request: Request, seconds: float) -> Taken:
    """One call in a fresh process. Raises RuntimeError where it fails, TimeoutError where it takes too long."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.workloads.one_call", request.to_json()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, said = process.communicate(timeout=seconds + _START_SECONDS)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"over {seconds:.0f} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode:
        raise RuntimeError((said.strip() or "no output").rpartition("\n")[2])
    return Taken(**json.loads(printed.splitlines()[-1]))


def measured(case: Case, rounds: int, threads: int, share: float, loops_per_second: float) -> Case:
    """All rounds of one case."""
    ways, digest = ways_of(case.workload, case.workers, threads), None
    order = random.Random(case.workload.name)
    for number in range(rounds):
        taking_part = [way for way in ways if number == 0 or _may_win(way, case)]
        if number:
            order.shuffle(taking_part)
        for way in taking_part:
            least = min((case.median(name) for name in case.seconds), default=math.inf)
            limit = _PATIENCE[0] + (_PATIENCE[1] * least if case.seconds else 60.0)
            request = Request(
                case.workload.name, loops_per_second, share, way.strategy, way.workers
            )
            try:
                taken = called(request, limit)
            except (RuntimeError, TimeoutError) as error:
                case.faults[way.name] = str(error)
                continue
            digest = digest or taken.digest
            if taken.digest != digest:
                case.faults[way.name] = "WRONG RESULTS"
            case.seconds.setdefault(way.name, {})[number] = taken.seconds
            if way.name == AUTO:
                case.why = taken.why
    return case


def _may_win(way: Way, case: Case) -> bool:
    if way.name in case.faults:
        return False
    best = case.best
    return way.name == AUTO or best is None or case.median(way.name) < _HOPELESS * case.median(best)


HEADS = ("workload", "workers", "best", "s", "auto s", "auto / best", "95 %", "others and faults")


def row(case: Case) -> str:
    best, regret = case.best, case.regret
    cells = [case.workload.name, str(case.workers), best or "none"]
    cells.append(f"{case.median(best):.3f}" if best else "")
    cells.append(f"{case.median(AUTO):.3f}" if AUTO in case.seconds else "")
    cells.append(f"{regret:.2f}" if regret else "")
    estimate = ratio_estimate(*case.ratios) if case.ratios and len(case.ratios[0]) else None
    known = estimate is not None and estimate.low is not None and estimate.high is not None
    cells.append(f"{estimate.low:.2f}–{estimate.high:.2f}" if estimate and known else "")
    others = [
        f"{name} {case.median(name):.3f}" for name in case.seconds if name not in (best, AUTO)
    ]
    cells.append("; ".join([*others, *(f"{name}: {why}" for name, why in case.faults.items())]))
    return f"| {' | '.join(cells)} |"


def summary(cases: Sequence[Case]) -> Iterator[str]:
    """The geometric mean and the worst, by number of workers."""
    for workers in sorted({case.workers for case in cases}):
        found = {c.workload.name: c.regret for c in cases if c.workers == workers and c.regret}
        if not found:
            continue
        mean = statistics.geometric_mean(found.values())
        worst = max(found, key=lambda name: found[name])
        yield (
            f"{workers} workers, {len(found)} workloads: geometric mean {mean:.3f}, "
            f"worst {found[worst]:.2f} ({worst})"
        )


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 1 where auto failed or was wrong."""
    known = workloads(1.0)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--workload", action="append", choices=known, help="may be repeated")
    parser.add_argument("--threads", type=int, default=16, help="for what waits in threads")
    parser.add_argument("--share", type=float, default=1.0, help="of each workload's items")
    parser.add_argument("--record", type=Path, help="a JSON file for all times")
    given = parser.parse_args(arguments)
    loops_per_second = calibrate().loops_per_second
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}", flush=True)
    cases: list[Case] = []
    for name in given.workload or known:
        for workers in given.workers:
            case = Case(workloads(loops_per_second)[name], workers)
            cases.append(measured(case, given.rounds, given.threads, given.share, loops_per_second))
            print(row(case), flush=True)
            if given.record:
                given.record.write_text(json.dumps([_as_json(one) for one in cases], indent=1))
    print()
    for line in summary(cases):
        print(line)
    return int(any(AUTO in case.faults for case in cases))


def _as_json(case: Case) -> dict[str, object]:
    return {
        "workload": case.workload.name,
        "workers": case.workers,
        "best": case.best,
        "regret": case.regret,
        "seconds": {name: list(rounds.values()) for name, rounds in case.seconds.items()},
        "faults": case.faults,
        "why": case.why,
    }


if __name__ == "__main__":
    sys.exit(main())
