"""Is the verdict honest? Strategies of which the truth is known: `make bench-verdict`.

slowed  serial, and serial made slower by 5 % on purpose: it must be told, or the verdict withheld
copy    serial, and serial once more: it must never be called faster
loaded  the strategies of the registry while every core is kept busy by other processes: what is
        said must be withheld, or right (what is said on the free machine, before)
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fanout_pipeline import FanoutSpec, IntegerLines, Options
from fanout_pipeline.engine.calls.items import process_chunk
from fanout_pipeline.engine.calls.outcome import Control, Outcome
from fanout_pipeline.engine.model.strategy import Strategy
from fanout_pipeline.engine.model.work import Work
from fanout_pipeline.engine.registry import REFERENCE, STRATEGIES
from fanout_pipeline.engine.strategies.inline_crew import OneByOne
from fanout_pipeline.engine.system.cores import effective_cores
from fanout_pipeline.measuring.comparison.compare import compare
from fanout_pipeline.measuring.comparison.comparison import Comparison
from fanout_pipeline.measuring.comparison.verdict import Verdict, decide
from fanout_pipeline.measuring.trials.contenders import StrategyContender
from fanout_pipeline.measuring.trials.machine import machine_record
from fanout_pipeline.measuring.trials.other_load import CpuTimes
from fanout_pipeline.measuring.trials.rounds import run_trials
from fanout_pipeline.measuring.trials.store import TrialRun
from fanout_pipeline.measuring.trials.trial import TrialOptions
from fanout_pipeline.numbers_file import NUMBERS_FILE, write_numbers
from fanout_pipeline.results.store.manifest import PartRecord
from fanout_pipeline.sources.source import Chunk
from fanout_pipeline.squares import square, square_batch

SLOWER = 1.05


def process_slowly(work: Work, chunk: Chunk, control: Control) -> Outcome[PartRecord]:
    """As usual, and then CPU time of 5 % of what it took."""
    began = time.perf_counter()
    outcome = process_chunk(work, chunk, control)
    end = began + SLOWER * (time.perf_counter() - began)
    while time.perf_counter() < end:
        pass
    return outcome


@contextmanager
def start_slowed(options: Options) -> Iterator[OneByOne]:
    yield OneByOne(process_slowly)


SERIAL = STRATEGIES[REFERENCE]
SLOWED = replace(SERIAL, name="slowed", start=start_slowed)
COPY = replace(SERIAL, name="copy")


def judged(
    root: Path, strategies: list[Strategy], rounds: int, budget: float, seed: int
) -> tuple[Comparison, Verdict]:
    """Trials of the reference and the strategies, and what follows from them."""
    spec = FanoutSpec("squares", IntegerLines(NUMBERS_FILE), square, square_batch).under(root)
    options = Options(workers=effective_cores(), start_method="forkserver")
    contenders = [
        StrategyContender(s, spec, root / "trials", options, warm_runs=0)
        for s in (SERIAL, *strategies)
    ]
    before = CpuTimes.now()
    found = run_trials(contenders[0], contenders[1:], TrialOptions(rounds, budget, 1, seed))
    others = before.others_until(CpuTimes.now())
    run = TrialRun(
        "squares", "", 0.0, REFERENCE, "", "", "", machine_record(), {}, other_load=others
    )
    compared = compare(run, found.trials)
    return compared, decide(compared, found.trials)


def line(compared: Comparison, verdict: Verdict, name: str) -> str:
    row = compared.row(name)
    estimate = row.cold if row else None
    interval = ""
    if estimate is not None and estimate.low is not None and estimate.high is not None:
        interval = f"{estimate.ratio:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"
    return f"{name} {interval}, chance {compared.noise:.1%}, {compared.rounds} rounds: {verdict.sentence}"


def repeated(root: Path, strategy: Strategy, arguments: argparse.Namespace) -> None:
    said: Counter[str] = Counter()
    for number in range(arguments.runs):
        compared, verdict = judged(
            root, [strategy], arguments.rounds, arguments.budget_seconds, number
        )
        row = compared.row(strategy.name)
        claim = str(row.claim) if row else "not run"
        said["withheld" if not verdict.trusted and claim != "faster" else claim] += 1
        print(f"{number + 1:2}: {claim:20} {line(compared, verdict, strategy.name)}", flush=True)
    print(f"{strategy.name}: {dict(said)}")


def loaded(root: Path, arguments: argparse.Namespace) -> None:
    strategies = [s for s in STRATEGIES.values() if s.name != REFERENCE and not s.awaits]
    _, free = judged(root, strategies, arguments.rounds, arguments.budget_seconds, 0)
    print(f"free machine: {free.sentence}", flush=True)
    burners = [multiprocessing.Process(target=burn, daemon=True) for _ in range(effective_cores())]
    for burner in burners:
        burner.start()
    said: Counter[str] = Counter()
    for number in range(arguments.runs):
        compared, verdict = judged(
            root, strategies, arguments.rounds, arguments.budget_seconds, number
        )
        said[verdict.use] += 1
        best = verdict.strategy or REFERENCE
        print(f"{number + 1:2}: {line(compared, verdict, best)}", flush=True)
    for burner in burners:
        burner.kill()
    print(f"with {len(burners)} cores loaded: {dict(said)}; free: {free.use}")


def burn() -> None:
    while True:
        pass


def main() -> None:
    kinds: dict[str, Callable[[Path, argparse.Namespace], None]] = {
        "slowed": lambda root, arguments: repeated(root, SLOWED, arguments),
        "copy": lambda root, arguments: repeated(root, COPY, arguments),
        "loaded": loaded,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("--count", type=int, default=1_000_000, help="numbers to square")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--budget-seconds", type=float, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_numbers(Path(folder) / NUMBERS_FILE, arguments.count)
        kinds[arguments.kind](Path(folder), arguments)


if __name__ == "__main__":
    main()
